import { EventEmitter } from 'node:events';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { PairSignals, type PairSignalActions } from './pair-signals.js';

let source: EventEmitter;
let signals: PairSignals;
let done: string[];
let actions: PairSignalActions;

beforeEach(() => {
  source = new EventEmitter();
  signals = new PairSignals(source);
  done = [];
  actions = { closeAll: () => void done.push('closed'), sayCount: () => void done.push('counted') };
});

describe('the signals of the pair chat', () => {
  it('are listened to at once, so that the system does nothing with them', () => {
    expect(source.eventNames()).toEqual(['SIGUSR1', 'SIGUSR2']);
  });

  it('do what they did in the older server', () => {
    signals.connect(actions);
    source.emit('SIGUSR2');
    source.emit('SIGUSR1');
    source.emit('SIGUSR1');
    expect(done).toEqual(['counted', 'closed', 'closed']);
  });

  it('that come early are acted on once, when the server stands', () => {
    for (const signal of ['SIGUSR2', 'SIGUSR1', 'SIGUSR2', 'SIGUSR2']) source.emit(signal);
    expect(done).toEqual([]);
    signals.connect(actions);
    expect(done).toEqual(['counted', 'closed']);
    source.emit('SIGUSR2');
    expect(done).toEqual(['counted', 'closed', 'counted']);
  });
});
