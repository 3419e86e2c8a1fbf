import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { FakeUpnpRouter } from './router.fixture.js';
import { controlsIn, UpnpGateway, type UpnpOptions } from './upnp-gateway.js';
import { locationIn } from './upnp-search.js';

const never = new AbortController().signal;
const location = new URL('http://192.0.2.1:5000/description.xml');

describe('what is believed of a gateway', () => {
  const answer = (url: string, more = ''): Buffer =>
    Buffer.from(
      `HTTP/1.1 200 OK\r\nST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\nlocation: ${url}\r\n${more}\r\n`,
    );

  it('is a page on the host that answers', () => {
    expect(locationIn(answer(location.href), '192.0.2.1')?.href).toBe(location.href);
  });

  it.each([
    ['http://127.0.0.1/description.xml'],
    ['http://192.0.2.9/description.xml'],
    ['http://user@192.0.2.1/description.xml'],
    ['https://192.0.2.1/description.xml'],
    ['file:///etc/passwd'],
    ['nonsense'],
    [''],
  ])('is not %s', (url) => {
    expect(locationIn(answer(url), '192.0.2.1')).toBeUndefined();
  });

  it('is no announcement, no other device, nothing long, and nothing else', () => {
    const text = answer(location.href).toString();
    for (const wrong of [
      text.replace('HTTP/1.1 200 OK', 'NOTIFY * HTTP/1.1'),
      text.replace('InternetGatewayDevice', 'MediaServer'),
      answer(location.href, 'x'.repeat(2_048)).toString(),
    ]) {
      expect(locationIn(Buffer.from(wrong), '192.0.2.1')).toBeUndefined();
    }
    fc.assert(
      fc.property(fc.uint8Array(), (noise) => {
        expect(locationIn(noise, '192.0.2.1')).toBeUndefined();
      }),
    );
  });

  const service = (type: string, url: string): string =>
    `<service>\n<serviceType> ${type} </serviceType><controlURL>${url}</controlURL></service>`;
  const wanIp = 'urn:schemas-upnp-org:service:WANIPConnection:2';

  it('is where its own host takes requests', () => {
    const found = controlsIn(service('urn:x:service:Other:1', '/o') + service(wanIp, 'control'), location);
    expect(found.map(({ url, service: type }) => [url.href, type])).toEqual([['http://192.0.2.1:5000/control', wanIp]]);
  });

  it.each([
    service(wanIp, 'http://127.0.0.1/control'),
    service(wanIp, '//192.0.2.9/control'),
    service(wanIp, 'file:///etc/passwd'),
    service('urn:x:service:WANIPConnection:1', '/control'),
    service(`${wanIp}&quot;`, '/control'),
    `<service><serviceType>${wanIp}</serviceType></service>`,
    '<service>'.repeat(10_000),
    '',
  ])('is not in %#', (description) => {
    expect(controlsIn(description, location)).toEqual([]);
  });
});

describe('UpnpGateway', () => {
  let router: FakeUpnpRouter;
  let options: UpnpOptions;

  beforeEach(async () => {
    router = new FakeUpnpRouter();
    const to = await router.listen();
    options = { gateway: () => undefined, to, interfaces: () => ['127.0.0.1'], waitMs: 5_000 };
  });
  afterEach(() => router.close());

  it('maps a port to our address, renews it without a search, and takes it back', async () => {
    const mapper = new UpnpGateway(options);
    const external = { address: '203.0.113.7', port: 7_421 };
    const mapped = { kind: 'mapped', external, lifetimeSeconds: 3_600 };
    expect(await mapper.map(7_421, 7_421, never)).toEqual(mapped);
    const { searches } = router;
    expect(await mapper.map(7_421, 7_421, never)).toEqual(mapped);
    expect(router.searches).toBe(searches);
    await mapper.unmap(7_421, never);
    await mapper.unmap(7_421, never);
    const once = ['GetExternalIPAddress', 'AddPortMapping 7421 3600 127.0.0.1'];
    expect(router.actions).toEqual([...once, ...once, 'DeletePortMapping 7421']);
  });

  it('takes the connection that is in use', async () => {
    router.idleUrl = '/idle';
    expect(await new UpnpGateway(options).map(7_421, 7_421, never)).toMatchObject({ kind: 'mapped' });
    const asked = 'GetExternalIPAddress';
    expect(router.actions).toEqual([asked, asked, 'AddPortMapping 7421 3600 127.0.0.1']);
  });

  it('asks for another port when somebody has it, and for a lasting mapping where there is no other', async () => {
    router.errors.push(725, 718);
    const outcome = await new UpnpGateway(options).map(7_421, 7_421, never);
    expect(outcome).toMatchObject({ kind: 'mapped', lifetimeSeconds: 3_600 });
    const [, first, second, third = ''] = router.actions;
    expect(first).toBe('AddPortMapping 7421 3600 127.0.0.1');
    expect(second).toBe('AddPortMapping 7421 0 127.0.0.1');
    expect(third).toMatch(/^AddPortMapping \d+ 0 127\.0\.0\.1$/);
    expect(third).toBe(`AddPortMapping ${String(outcome.kind === 'mapped' ? outcome.external.port : 0)} 0 127.0.0.1`);
  });

  it.each([
    [[606], 'it does not allow it'],
    [[501], 'error 501'],
    [[718, 718, 718, 718, 718, 718, 718], 'it has no port left'],
  ])('says why it was refused: %j', async (errors, reason) => {
    router.errors.push(...errors);
    expect(await new UpnpGateway(options).map(7_421, 7_421, never)).toEqual({ kind: 'refused', reason });
  });

  it.each(['0.0.0.0', '127.0.0.1', '', 'example.org', '2001:db8::1'])('does not believe %j', async (address) => {
    router.externalAddress = address;
    const reason = 'it has no address of its own';
    expect(await new UpnpGateway(options).map(7_421, 7_421, never)).toEqual({ kind: 'refused', reason });
  });

  it.each<[string, Partial<UpnpOptions>, (router: FakeUpnpRouter) => void]>([
    ['who is not the router', { gateway: () => '192.0.2.1', waitMs: 50 }, () => undefined],
    ['a description elsewhere', { waitMs: 50 }, (it) => (it.location = 'http://127.0.0.2/description.xml')],
    ['control elsewhere', {}, (it) => (it.controlUrl = 'http://127.0.0.2/control')],
    ['a description without end', {}, (it) => (it.padding = 1_000_000)],
    ['nobody', { interfaces: () => [], waitMs: 50 }, () => undefined],
  ])('takes no part with %s', async (_what, more, change) => {
    change(router);
    expect(await new UpnpGateway({ ...options, ...more }).map(7_421, 7_421, never)).toEqual({ kind: 'silent' });
    expect(router.actions).toEqual([]);
  });

  it('searches anew when the router is gone', async () => {
    const mapper = new UpnpGateway({ ...options, waitMs: 50 });
    expect(await mapper.map(7_421, 7_421, never)).toMatchObject({ kind: 'mapped' });
    await router.close();
    expect(await mapper.map(7_421, 7_421, never)).toEqual({ kind: 'silent' });
    router = new FakeUpnpRouter();
    const again = new UpnpGateway({ ...options, to: await router.listen() });
    expect(await again.map(7_421, 7_421, never)).toMatchObject({ kind: 'mapped' });
  });

  it('can be given up', async () => {
    const mapper = new UpnpGateway(options);
    expect(await mapper.map(7_421, 7_421, AbortSignal.abort())).toEqual({ kind: 'silent' });
    expect(router.searches).toBe(0);
  });
});
