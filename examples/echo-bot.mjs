// A bot in ten lines: answers every message with its own words. `node examples/echo-bot.mjs localhost echo its-password`
import { createClient } from '@parley/client';

const [server = 'localhost', name = 'echo', password = ''] = process.argv.slice(2);
try {
  const bot = await createClient({ home: `./.${name}-bot-home` });
  process.once('SIGTERM', () => void bot.close());
  await bot.connect(server);
  await bot.login(name, password).catch((error) => {
    if (error.code !== 'BAD_CREDENTIALS') throw error;
    return bot.register(name, password);
  });
  for await (const event of bot.events()) {
    // Whoever left meanwhile gets no answer.
    if (event.event === 'message') await bot.send(`you said: ${event.text}`).catch(() => undefined);
  }
} catch (error) {
  console.error(error.code === 'NAME_TAKEN' ? 'wrong password' : error.message);
  process.exit(error.code === 'SERVER_UNREACHABLE' ? 3 : 1);
}
