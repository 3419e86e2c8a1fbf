/**
 * UPnP (WANIPConnection 1 and 2, WANPPPConnection 1): asks an Internet gateway device for a UDP port. Of the router's XML
 * only a few texts are wanted, so they are cut out: no parser is exposed to whoever answers on a LAN.
 */
import { randomInt } from 'node:crypto';
import { request, type RequestOptions } from 'node:http';
import { lifetimeSeconds, type MapOutcome, type PortMapper } from './port-mapper.js';
import { isUsableAddress } from './router-address.js';
import { searchGateway, type UpnpSearchOptions } from './upnp-search.js';

export interface UpnpOptions extends UpnpSearchOptions {
  /** What one request may take. */
  readonly requestMs?: number;
}

interface Control {
  readonly url: URL;
  readonly service: string;
}

interface Answer {
  readonly status: number;
  readonly text: string;
  /** Our address as the router's side of the LAN sees it. */
  readonly localAddress: string;
}

const requestMs = 3_000;
const answerMaxBytes = 128 * 1024;
/** How many other ports are tried when somebody has the one we want. */
const otherPorts = 4;
const controlsMax = 4;

/** WANIPConnection, sections 2.4.16 and 2.5.16. */
const notAuthorised = 606;
const conflict = 718;
const onlyPermanentLeases = 725;
const onlyAnyPort = 727;
const samePortRequired = 724;

export class UpnpGateway implements PortMapper {
  readonly name = 'UPnP';
  readonly #options: UpnpOptions;
  #control: Control | undefined;
  /** By local port: what is to be taken back. */
  readonly #mapped = new Map<number, number>();

  constructor(options: UpnpOptions) {
    this.#options = options;
  }

  async map(localPort: number, externalPort: number, signal: AbortSignal): Promise<MapOutcome> {
    this.#control ??= await this.#find(signal);
    if (!this.#control) return { kind: 'silent' };
    const outcome = await this.#mapBy(this.#control, localPort, externalPort, signal);
    // It may have another address, or be another one, the next time.
    if (outcome.kind === 'silent') this.#control = undefined;
    return outcome;
  }

  async unmap(localPort: number, signal: AbortSignal): Promise<void> {
    const externalPort = this.#mapped.get(localPort);
    this.#mapped.delete(localPort);
    if (!this.#control || externalPort === undefined) return;
    await this.#call(this.#control, 'DeletePortMapping', portArguments(externalPort), signal);
  }

  async #find(signal: AbortSignal): Promise<Control | undefined> {
    const location = await searchGateway(this.#options, signal);
    if (!location) return undefined;
    const answer = await this.#request(location, { method: 'GET' }, '', signal);
    const controls = answer?.status === 200 ? controlsIn(answer.text, location) : [];
    // A router with two ways out, of which one is not in use, lists both.
    for (const control of controls.slice(1)) {
      if ((await this.#externalAddress(controls[0] ?? control, signal))?.address !== undefined) break;
      controls.shift();
    }
    return controls[0];
  }

  async #mapBy(control: Control, localPort: number, wanted: number, signal: AbortSignal): Promise<MapOutcome> {
    const told = await this.#externalAddress(control, signal);
    if (!told) return { kind: 'silent' };
    const { address, localAddress } = told;
    if (address === undefined) return { kind: 'refused', reason: 'it has no address of its own' };
    let port = wanted;
    let lease = lifetimeSeconds;
    for (let tries = 0; tries < 2 + otherPorts; tries += 1) {
      const mapping = {
        ...portArguments(port),
        NewInternalPort: localPort,
        NewInternalClient: localAddress,
        NewEnabled: 1,
        NewPortMappingDescription: 'Parley',
        NewLeaseDuration: lease,
      };
      const answer = await this.#call(control, 'AddPortMapping', mapping, signal);
      if (!answer) return { kind: 'silent' };
      if (answer.status === 200) {
        this.#mapped.set(localPort, port);
        return { kind: 'mapped', external: { address, port }, lifetimeSeconds: lease || lifetimeSeconds };
      }
      const code = Number(textOf(answer.text, 'errorCode') ?? NaN);
      // Then it stays until it is taken back.
      if (code === onlyPermanentLeases && lease !== 0) lease = 0;
      else if (code === conflict || code === onlyAnyPort) port = randomInt(1_024, 65_536);
      else if (code === samePortRequired && port !== localPort) port = localPort;
      else return { kind: 'refused', reason: refusal(code) };
    }
    return { kind: 'refused', reason: 'it has no port left' };
  }

  /** Undefined when it does not answer; without an address when it has none that others can reach. */
  async #externalAddress(
    control: Control,
    signal: AbortSignal,
  ): Promise<{ readonly address: string | undefined; readonly localAddress: string } | undefined> {
    const told = await this.#call(control, 'GetExternalIPAddress', {}, signal);
    if (!told) return undefined;
    const address = told.status === 200 ? textOf(told.text, 'NewExternalIPAddress') : undefined;
    const isUsable = address !== undefined && isUsableAddress(address);
    return { address: isUsable ? address : undefined, localAddress: told.localAddress };
  }

  #call(
    { url, service }: Control,
    action: string,
    values: Readonly<Record<string, string | number>>,
    signal: AbortSignal,
  ): Promise<Answer | undefined> {
    const fields = Object.entries(values).map(([name, value]) => `<${name}>${String(value)}</${name}>`);
    const body =
      '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" ' +
      's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>' +
      `<u:${action} xmlns:u="${service}">${fields.join('')}</u:${action}></s:Body></s:Envelope>`;
    const headers = {
      'Content-Type': 'text/xml; charset="utf-8"',
      'Content-Length': Buffer.byteLength(body),
      SOAPAction: `"${service}#${action}"`,
    };
    return this.#request(url, { method: 'POST', headers }, body, signal);
  }

  /** Undefined when there is no answer in time, or none of a sensible length. Redirects are not followed. */
  #request(url: URL, options: RequestOptions, body: string, signal: AbortSignal): Promise<Answer | undefined> {
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(this.#options.requestMs ?? requestMs)]);
    return new Promise((resolve) => {
      const asked = request(url, { ...options, agent: false, signal: bounded }, (response) => {
        const localAddress = response.socket.localAddress ?? '';
        const chunks: Buffer[] = [];
        let size = 0;
        response.on('data', (chunk: Buffer) => {
          size += chunk.length;
          chunks.push(chunk);
          if (size > answerMaxBytes) response.destroy();
        });
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          resolve({ status: response.statusCode ?? 0, text, localAddress });
        });
        response.on('error', () => {
          resolve(undefined);
        });
        response.on('close', () => {
          resolve(undefined);
        });
      });
      asked.on('error', () => {
        resolve(undefined);
      });
      asked.end(body);
    });
  }
}

/** Where ports of the connections to the Internet are asked for: what the description names on its own host, at most 4. */
export function controlsIn(description: string, location: URL): Control[] {
  const found: Control[] = [];
  for (const before of description.split('</service>')) {
    const block = before.slice(Math.max(0, before.lastIndexOf('<service>')));
    const service = textOf(block, 'serviceType') ?? '';
    const path = textOf(block, 'controlURL');
    if (path === undefined || !/^urn:schemas-upnp-org:service:WAN(IP|PPP)Connection:[12]$/.test(service)) continue;
    if (!URL.canParse(path, location.href)) continue;
    const url = new URL(path, location);
    if (url.protocol === 'http:' && url.hostname === location.hostname && url.username === '')
      found.push({ url, service });
  }
  return found.slice(0, controlsMax);
}

/** The text of the first element of this name; none of those we want holds entities. */
function textOf(xml: string, name: string): string | undefined {
  return new RegExp(`<${name}(?:\\s[^<>]*)?>\\s*([^<>&\\s]{1,512})\\s*</${name}>`).exec(xml)?.[1];
}

function portArguments(externalPort: number) {
  return { NewRemoteHost: '', NewExternalPort: externalPort, NewProtocol: 'UDP' };
}

function refusal(code: number): string {
  if (code === notAuthorised) return 'it does not allow it';
  return Number.isNaN(code) ? 'it did not say why' : `error ${String(code)}`;
}
