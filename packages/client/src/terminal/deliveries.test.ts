import { describe, expect, it } from '@jest/globals';
import { Deliveries } from './deliveries.js';

const text = { id: 'a', to: ['bob', 'carol'], text: 'hi' };

describe('Deliveries', () => {
  it('is content when nothing was sent, or to nobody', () => {
    const deliveries = new Deliveries();
    deliveries.sent({ id: 'a', to: [], text: 'hi' });
    expect(deliveries.undelivered).toBe(false);
  });

  it('waits for everybody', () => {
    const deliveries = new Deliveries();
    deliveries.sent(text);
    deliveries.receipt({ event: 'receipt', id: 'a', to: 'bob', state: 'delivered' });
    expect(deliveries.undelivered).toBe(true);
    deliveries.receipt({ event: 'receipt', id: 'a', to: 'carol', state: 'delivered' });
    expect(deliveries.undelivered).toBe(false);
  });

  it('takes a receipt that is faster than the answer to the send', () => {
    const deliveries = new Deliveries();
    deliveries.receipt({ event: 'receipt', id: 'a', to: 'bob', state: 'delivered' });
    deliveries.sent(text);
    deliveries.receipt({ event: 'receipt', id: 'a', to: 'carol', state: 'delivered' });
    expect(deliveries.undelivered).toBe(false);
  });

  it('never forgets a failure', () => {
    const deliveries = new Deliveries();
    deliveries.sent({ ...text, to: ['bob'] });
    deliveries.receipt({ event: 'receipt', id: 'a', to: 'bob', state: 'failed' });
    deliveries.sent({ ...text, id: 'b', to: ['bob'] });
    deliveries.receipt({ event: 'receipt', id: 'b', to: 'bob', state: 'delivered' });
    expect(deliveries.undelivered).toBe(true);
  });
});
