// The oldest Node.js that runs unloop: `engines` of package.json, which npm only warns about and
// others do not read. Called by main before anything else is loaded.

/** A test compares it with package.json. */
const LEAST = [20, 19] as const;

/** What is wrong and what cures it, where this version is too old; null where it is not. */
export function tooOldNode(version: string): { message: string; remedy: string } | null {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > LEAST[0] || (major === LEAST[0] && minor >= LEAST[1])) return null;
  return {
    message: `needs Node.js ${LEAST.join('.')} or newer, and this is ${version} (${process.execPath})`,
    remedy: 'Install a current Node.js, or take an image or package of unloop that brings its own.',
  };
}
