// The scenario of a DoH server that says GOAWAY after each answer, with 10,000 queries in place of
// 400.
process.env.GOAWAY_QUERIES ??= '10000';
await import('../scenario/data/doh-goaway.test.ts');
