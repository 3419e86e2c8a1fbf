// A bot in ten lines: answers every message with its own words. `node examples/echo-bot.mjs localhost echo its-password`
import { createClient } from '@parley/client';

const [server = 'localhost', name = 'echo', password = ''] = process.argv.slice(2);
process.on('uncaughtException', ({ message }) => {
  console.error(message);
  process.exit(1);
});
const bot = await createClient({ home: `./.${name}-bot-home` });
process.once('SIGTERM', () => void bot.close());
await bot.connect(server);
await bot.login(name, password).catch(() => bot.register(name, password));
for await (const { event, text } of bot.events()) {
  // Whoever has left meanwhile gets no answer.
  if (event === 'message') await bot.send(`you said: ${text}`).catch(() => undefined);
}
