// Run before every test file: what fast-check generates goes up to the length that a test allows,
// not up to ten.
import fc from 'fast-check';

fc.configureGlobal({ defaultSizeToMaxWhenMaxSpecified: true });
