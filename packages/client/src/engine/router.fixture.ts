/** Routers for tests, on loopback: one that speaks NAT-PMP, one that speaks UPnP (SSDP and HTTP). */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export class FakeNatPmpRouter {
  readonly requests: Buffer[] = [];
  externalAddress = '203.0.113.7';
  result = 0;
  /** How many requests are lost before one is answered. */
  losses = 0;
  /** What it does with an answer before it goes out. */
  mend: (answer: Buffer) => Buffer[] = (answer) => [answer];
  /** External port by internal port. */
  readonly mapped = new Map<number, number>();
  portTaken = false;
  readonly #socket: Socket = createSocket('udp4');

  async listen(): Promise<number> {
    this.#socket.on('message', (request, from) => {
      this.requests.push(request);
      if (this.losses > 0) {
        this.losses -= 1;
        return;
      }
      for (const answer of this.mend(this.#answer(request))) this.#socket.send(answer, from.port, from.address);
    });
    this.#socket.bind(0, '127.0.0.1');
    await once(this.#socket, 'listening');
    return this.#socket.address().port;
  }

  async close(): Promise<void> {
    this.#socket.close();
    await once(this.#socket, 'close');
  }

  #answer(request: Buffer): Buffer {
    const isMap = request[1] === 1;
    const answer = Buffer.alloc(isMap ? 16 : 12);
    answer[1] = 128 + (request[1] ?? 0);
    answer.writeUInt16BE(this.result, 2);
    if (this.result !== 0) return answer;
    if (!isMap) {
      answer.set(this.externalAddress.split('.').map(Number), 8);
      return answer;
    }
    const internal = request.readUInt16BE(4);
    const lifetime = request.readUInt32BE(8);
    const external = lifetime === 0 ? 0 : request.readUInt16BE(6) + (this.portTaken ? 1 : 0);
    if (lifetime === 0) this.mapped.delete(internal);
    else this.mapped.set(internal, external);
    answer.writeUInt16BE(internal, 8);
    answer.writeUInt16BE(external, 10);
    answer.writeUInt32BE(lifetime, 12);
    return answer;
  }
}

export class FakeUpnpRouter {
  externalAddress = '203.0.113.7';
  /** Answers instead of doing what `AddPortMapping` asks, one after the other. */
  readonly errors: number[] = [];
  /** Where it says its description is; its own unless told. */
  location: string | undefined;
  controlUrl = '/control';
  /** Of a connection that it lists first, and that is not in use. */
  idleUrl = '';
  searches = 0;
  /** `action external-port lifetime client` of what was asked. */
  readonly actions: string[] = [];
  /** How much it answers when asked for its description. */
  padding = 0;
  readonly #http: Server;
  readonly #ssdp: Socket = createSocket('udp4');

  constructor() {
    this.#http = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (text: string) => (body += text));
      request.on('end', () => {
        const { status, text } =
          request.url === '/description.xml' ? this.#description() : this.#control(body, request.url === '/idle');
        response.writeHead(status, { 'Content-Type': 'text/xml' }).end(text);
      });
    });
  }

  /** Where searches are to go. */
  async listen(): Promise<{ address: string; port: number }> {
    this.#http.listen(0, '127.0.0.1');
    await once(this.#http, 'listening');
    const { port } = this.#http.address() as AddressInfo;
    this.#ssdp.on('message', (request, from) => {
      this.searches += 1;
      const [, target = ''] = /^ST: (\S+)/m.exec(request.toString()) ?? [];
      if (!target.endsWith(':1')) return;
      const location = this.location ?? `http://127.0.0.1:${String(port)}/description.xml`;
      const answer = `HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\nST: ${target}\r\nLOCATION: ${location}\r\nEXT:\r\n\r\n`;
      this.#ssdp.send(answer, from.port, from.address);
    });
    this.#ssdp.bind(0, '127.0.0.1');
    await once(this.#ssdp, 'listening');
    return { address: '127.0.0.1', port: this.#ssdp.address().port };
  }

  async close(): Promise<void> {
    this.#ssdp.close();
    this.#http.closeAllConnections();
    this.#http.close();
    await once(this.#http, 'close');
  }

  #description(): { status: number; text: string } {
    const services = [
      ['urn:schemas-upnp-org:service:Layer3Forwarding:1', '/other'],
      ['urn:schemas-upnp-org:service:WANPPPConnection:1', this.idleUrl],
      ['urn:schemas-upnp-org:service:WANIPConnection:1', this.controlUrl],
    ].map(([type = '', url = '']) => {
      return `<service><serviceType>${type}</serviceType><controlURL>${url}</controlURL></service>`;
    });
    const text = `<?xml version="1.0"?><root><device><serviceList>${services.join('\n')}</serviceList></device></root>`;
    return { status: 200, text: text + ' '.repeat(this.padding) };
  }

  #control(body: string, isIdle: boolean): { status: number; text: string } {
    const field = (name: string): string => new RegExp(`<${name}>([^<]*)<`).exec(body)?.[1] ?? '';
    const [, action = ''] = /<u:(\w+)/.exec(body) ?? [];
    const asked = [action, field('NewExternalPort'), field('NewLeaseDuration'), field('NewInternalClient')];
    this.actions.push(asked.join(' ').trim());
    const error = action === 'AddPortMapping' ? this.errors.shift() : undefined;
    if (error !== undefined) {
      const detail = `<UPnPError><errorCode>${String(error)}</errorCode></UPnPError>`;
      return {
        status: 500,
        text: `<s:Envelope><s:Body><s:Fault><detail>${detail}</detail></s:Fault></s:Body></s:Envelope>`,
      };
    }
    const result =
      action === 'GetExternalIPAddress'
        ? `<NewExternalIPAddress>${isIdle ? '0.0.0.0' : this.externalAddress}</NewExternalIPAddress>`
        : '';
    return {
      status: 200,
      text: `<s:Envelope><s:Body><u:${action}Response>${result}</u:${action}Response></s:Body></s:Envelope>`,
    };
  }
}
