/** What is measured in a process of its own, by its name: Jest's own memory would be in the way. */
import { floodInMemory } from './flood.js';
import { measureHostilePeers } from './hostile-peers.js';
import { measureIdleLinks } from './idle-links.js';
import { measureLongChats } from './long-chats.js';

export const measurements = {
  mutated: (millions: number) => floodInMemory('mutated', millions),
  random: (millions: number) => floodInMemory('random', millions),
  'long-chats': measureLongChats,
  'idle-links': measureIdleLinks,
  'hostile-peers': measureHostilePeers,
};

export type MeasurementName = keyof typeof measurements;

export function isMeasurement(name: string): name is MeasurementName {
  return Object.hasOwn(measurements, name);
}
