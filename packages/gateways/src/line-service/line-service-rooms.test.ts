import { describe, expect, it } from '@jest/globals';
import { LineTable, type LineClient } from './line-world.fixture.js';
import type { LineAnswer, LineAsk } from './line-world.js';

function refused(why: Extract<LineAnswer, { type: 'refused' }>['why']): LineAnswer {
  return { type: 'refused', why };
}

describe('rooms', () => {
  /** A world with the rooms lobby and attic, and no users. */
  function table(): { table: LineTable; user: LineClient; asked: LineAsk[] } {
    const rooms = new LineTable();
    const user = rooms.user('mat0299');
    const asked: LineAsk[] = [];
    rooms.decide = (ask) => {
      asked.push(ask);
      if (ask.type === 'say') return refused('unknown');
      if (ask.type !== 'room' || ask.name === 'lobby' || ask.name === 'attic') return { type: 'done' };
      return refused(ask.name === 'full' ? 'full' : 'unknown');
    };
    return { table: rooms, user, asked };
  }

  it('are entered, talked in and left', () => {
    const { table: rooms, user, asked } = table();
    user.send('ROOM lobby\nMESG lobby hello all\nLEAVE\nMESG lobby hello?\n');
    expect(user.take()).toBe(
      'ROOM lobby Request Accepted\nLEAVE lobby Request Accepted\nUnknown Recipient (lobby). MESG Discarded.\n',
    );
    expect(asked).toEqual([
      { type: 'room', name: 'lobby' },
      { type: 'say', to: 'lobby', text: 'hello all' },
      { type: 'sayInRoom', room: 'lobby', text: 'hello all' },
      { type: 'leaveRoom' },
      { type: 'say', to: 'lobby', text: 'hello?' },
    ]);
    expect(rooms.log.slice(0, 2)).toEqual(['Client (5): ROOM lobby', 'Client (5): LEAVE']);
  });

  it('come behind users of the same name', () => {
    const { table: rooms, user, asked } = table();
    user.send('ROOM lobby\n');
    const namesake = rooms.user('lobby');
    asked.length = 0;
    user.send('MESG lobby for you alone\n');
    expect(namesake.take()).toBe('FROM mat0299: for you alone\n');
    expect(asked).toEqual([]);
    namesake.drop();
    rooms.decide = (ask) => {
      asked.push(ask);
      return { type: 'done' };
    };
    user.send('MESG lobby for you alone\n');
    expect(asked).toEqual([{ type: 'say', to: 'lobby', text: 'for you alone' }]);
  });

  it('are one at a time; one that cannot be entered changes nothing', () => {
    const { user } = table();
    user.send('ROOM lobby\nROOM nowhere\nROOM full\nMESG lobby x\nROOM attic\nMESG lobby x\nLEAVE\nLEAVE\n');
    expect(user.take().split('\n')).toEqual([
      'ROOM lobby Request Accepted',
      'Unknown Room (nowhere). ROOM Discarded.',
      'Room Full (full). ROOM Discarded.',
      'ROOM attic Request Accepted',
      'Unknown Recipient (lobby). MESG Discarded.',
      'LEAVE attic Request Accepted',
      'Not In A Room. LEAVE Discarded.',
      '',
    ]);
  });

  it('tell who comes, goes and speaks, and that they are closed', () => {
    const { table: rooms, user } = table();
    user.send('ROOM lobby\n');
    user.take();
    rooms.tell(user, { type: 'came', room: 'lobby', name: 'alice' });
    rooms.tell(user, { type: 'text', from: 'alice', room: 'lobby', text: 'hi' });
    rooms.tell(user, { type: 'went', room: 'lobby', name: 'alice' });
    rooms.tell(user, { type: 'roomClosed', room: 'lobby' });
    user.send('LEAVE\n');
    expect(user.take().split('\n')).toEqual([
      'ROOM lobby: alice joined.',
      'FROM alice@lobby: hi',
      'ROOM lobby: alice left.',
      'ROOM lobby: closed.',
      'Not In A Room. LEAVE Discarded.',
      '',
    ]);
  });

  it('lose what is said when they are gone', () => {
    const { table: rooms, user } = table();
    user.send('ROOM lobby\n');
    user.take();
    rooms.decide = (ask) => refused(ask.type === 'say' ? 'unknown' : 'failed');
    user.send('MESG lobby x\n');
    expect(user.take()).toBe('Not Delivered (lobby): 1 Message(s).\n');
  });
});
