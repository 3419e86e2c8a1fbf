#!/usr/bin/env node
// Before all else: until somebody listens for SIGUSR1, it opens Node's debugger, and SIGUSR2 ends the process.
import '../dist/pair-signals.js';

await import('../dist/main.js');
