// The honest minimum: node:net, lines cut properly, a map of names, one write for each message. No limits, no log, no
// bounds, no checks. Understands JOIN and MESG as the line service does.
import { createServer } from 'node:net';

const sockets = new Map();

const server = createServer({ noDelay: true }, (socket) => {
  let name = '';
  let rest = '';
  socket.setEncoding('utf8');
  socket.on('error', () => undefined);
  socket.on('close', () => sockets.delete(name));
  socket.on('data', (chunk) => {
    const text = rest + chunk;
    let start = 0;
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', start)) {
      take(text.slice(start, end));
      start = end + 1;
    }
    rest = text.slice(start);
  });

  function take(line) {
    if (line.startsWith('MESG ')) {
      const space = line.indexOf(' ', 5);
      sockets.get(line.slice(5, space))?.write(`FROM ${name}: ${line.slice(space + 1)}\n`);
    } else if (line.startsWith('JOIN ')) {
      name = line.slice(5);
      sockets.set(name, socket);
      socket.write(`JOIN ${name} Request Accepted\n`);
    }
  }
});

server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ port: server.address().port })}\n`);
});
