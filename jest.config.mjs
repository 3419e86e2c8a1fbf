// Tests run from the compiled output, exactly the files that ship; the transform only adds the compiler's source maps,
// so that stack traces and coverage point at the TypeScript sources.
export default {
  testMatch: ['<rootDir>/packages/*/dist/**/*.test.js', '<rootDir>/test/dist/**/*.test.js'],
  testEnvironment: 'node',
  transform: { '\\.js$': '<rootDir>/scripts/jest-source-maps.mjs' },
  coverageProvider: 'v8',
  testTimeout: 30_000,
};
