// mocha's spec reporter, which also writes how many tests passed, and which failed and why, to a file:
// `--reporter-option file=…`.
const { writeFileSync } = require('node:fs');
const mocha = require('mocha');

class CountingReporter extends mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const file = options.reporterOptions?.file ?? options.reporterOption?.file;
    const failed = [];
    runner.on('fail', (test, error) => {
      failed.push(`${test.fullTitle()}: ${error?.message ?? String(error)}`);
    });
    runner.once('end', () => {
      const { passes, failures, pending } = runner.stats;
      if (file !== undefined)
        writeFileSync(file, JSON.stringify({ passed: passes, failed: failures, pending, failures: failed }));
    });
  }
}

module.exports = CountingReporter;
