// The text of a release: its section of the changelog.

/** The section of a version, without its heading; links lead to the files at the tag. */
export function releaseNotes(changelog: string, version: string, home: string): string {
  const sections = changelog.split(/^## /m).slice(1);
  const section = sections.find((text) => /^[\w.-]+/.exec(text)?.[0].replace(/[,.]$/, '') === version);
  if (section === undefined) throw new Error(`CHANGELOG.md has no section "## ${version}"`);
  const text = section.slice(section.indexOf('\n') + 1).trim();
  return `${text.replaceAll(/\]\((?!https?:)([^)]+)\)/g, `](${home}/blob/v${version}/$1)`)}\n`;
}
