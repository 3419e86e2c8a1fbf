// Draws the picture in the README from a real run: a server, bob and carol in this process, alice in a real
// pseudo-terminal, and what her screen then shows as SVG. `npm run picture`
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from '@lydell/node-pty';
import xterm from '@xterm/headless';
import { createClient } from '@parley/client';
import { startServer } from '@parley/server';
import { root } from './setup.mjs';

const [columns, rows] = [92, 27];
const folder = mkdtempSync(join(tmpdir(), 'parley-picture-'));
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const server = await startServer({ dataDirectory: join(folder, 'server'), host: '127.0.0.1', port: 7420 });
const others = [];
for (const name of ['bob', 'carol']) {
  const client = await createClient({ home: join(folder, name), bind: '127.0.0.1' });
  await client.connect('127.0.0.1');
  await client.register(name, `the password of ${name}`);
  others.push(client);
}
const [bob, carol] = others;

const terminal = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true });
const mca = join(root, 'packages/client/dist/main.js');
const pty = spawn(process.execPath, [mca, '--home', join(folder, 'alice'), '127.0.0.1'], {
  cols: columns,
  rows,
  name: 'xterm-256color',
  env: { ...process.env, TERM: 'xterm-256color' },
});
pty.onData((text) => terminal.write(text));
terminal.onData((text) => pty.write(text));
const exited = new Promise((resolve) => pty.onExit(resolve));

const screen = () => {
  const { active } = terminal.buffer;
  return Array.from({ length: active.length }, (_, y) => active.getLine(y)?.translateToString(true) ?? '').join('\n');
};

async function shows(text) {
  for (let n = 0; n < 400 && !screen().includes(text); n += 1) await pause(25);
  if (!screen().includes(text)) throw new Error(`no "${text}" on the screen:\n${screen()}`);
}

async function type(text) {
  for (const key of text) {
    pty.write(key);
    await pause(5);
  }
  await pause(150);
}

try {
  await shows('create an account');
  await type('\r');
  await shows('Name:');
  await type('alice\r');
  await shows('Password:');
  await type('the password of alice\r');
  await shows('Password again:');
  await type('the password of alice\r');
  await shows('alice>');
  await type('lu\r');
  await type('o bob\r');
  await shows('alice@bob>');
  await type('hello bob, are you there?\r');
  await shows('✓');
  await bob.send('yes! from my device straight to yours');
  await shows('straight to yours');
  await type('l\r');
  await carol.enter('lab');
  await bob.leave();
  await bob.enter('lab');
  await type('or lab\r');
  await shows('#lab>');
  await carol.send('good morning, everyone');
  await shows('good morning');
  await type('I was just about to');
  await bob.send('did I interrupt you?');
  await shows('interrupt');
  await pause(300);
  writeFileSync(join(root, 'docs', 'screen.svg'), svg());
} finally {
  pty.kill('SIGTERM');
  await exited;
  for (const client of others) await client.close();
  await server.stop();
  rmSync(folder, { recursive: true });
}

/** The screen as SVG: one text element a line, one span a run of equal colour. */
function svg() {
  const palette = ['#3b4252', '#e06c75', '#98c379', '#e5c07b', '#61afef', '#c678dd', '#56b6c2', '#d8dee9'];
  const bright = ['#7f8796', '#ff8b94', '#b5e890', '#ffd98f', '#8cc8ff', '#e29bf2', '#7fdbe6', '#ffffff'];
  const [cellWidth, lineHeight, margin] = [8.4, 18, 14];
  const { active } = terminal.buffer;
  const texts = [];
  for (let y = 0; y < rows; y += 1) {
    const line = active.getLine(active.viewportY + y);
    if (!line || line.translateToString(true) === '') continue;
    const runs = [];
    for (let x = 0; x < columns; x += 1) {
      const cell = line.getCell(x);
      if (!cell || cell.getWidth() === 0) continue;
      const index = cell.getFgColor();
      const colour = cell.isFgPalette()
        ? index < 8
          ? palette[index]
          : index < 16
            ? bright[index - 8]
            : '#d8dee9'
        : '#d8dee9';
      const style = `fill="${colour}"${cell.isBold() ? ' font-weight="bold"' : ''}${cell.isDim() ? ' opacity="0.6"' : ''}`;
      const last = runs.at(-1);
      if (last?.style === style) last.text += cell.getChars() || ' ';
      else runs.push({ x, style, text: cell.getChars() || ' ' });
    }
    const spans = runs
      .filter(({ text }) => text.trim() !== '')
      .map(
        ({ x, style, text }) =>
          `<tspan x="${(margin + x * cellWidth).toFixed(1)}" ${style}>${escaped(text.trimEnd())}</tspan>`,
      );
    texts.push(`  <text y="${margin + (y + 1) * lineHeight - 5}" xml:space="preserve">${spans.join('')}</text>`);
  }
  const width = Math.ceil(columns * cellWidth + margin * 2);
  const height = rows * lineHeight + margin * 2;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
  <rect width="100%" height="100%" rx="8" fill="#1e222a"/>
  <g font-family="ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14">
${texts.join('\n')}
  </g>
</svg>
`;
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
