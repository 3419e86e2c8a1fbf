/** What the routers do, as rulesets of nftables. Names by RFC 4787: mapping, then filtering. */

/** How a client meets the internet. Of the three with endpoint-independent mapping the names tell the filtering. */
export const natKinds = [
  'none',
  'endpoint-independent',
  'address-restricted',
  'port-restricted',
  'endpoint-dependent',
] as const;
export type NatKind = (typeof natKinds)[number];

export interface RouterOptions {
  readonly kind: Exclude<NatKind, 'none'>;
  /** Its own, on the side of the internet and on that of its clients. */
  readonly wanAddress: string;
  readonly lanAddress: string;
  /** Clients behind it reach each other by its public address (RFC 4787, section 6). */
  readonly hairpin: boolean;
  readonly blocksUdp: boolean;
}

/**
 * Linux maps endpoint-independently as long as it can keep the port, and filters by address and port, since it lets in
 * only what belongs to a flow from inside. The wider kinds remember which client uses a port and send it everything that
 * comes for that port; the forward chain then filters. What comes in unasked is dropped, never refused: a flow from
 * outside that is confirmed would take the port, and the client's own flow to the same place would get another.
 */
export function natRules({ kind, wanAddress, lanAddress, hairpin, blocksUdp }: RouterOptions): string {
  const isWide = kind === 'endpoint-independent' || kind === 'address-restricted';
  const inward = 'dnat to udp dport map @clients';
  return `
table ip parley {
  map clients { type inet_service : ipv4_addr; size 65535; flags dynamic,timeout; timeout 5m; }
  set asked { type ipv4_addr . inet_service . ipv4_addr; size 65535; flags dynamic,timeout; timeout 5m; }
  chain srcnat {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "wan" masquerade ${kind === 'endpoint-dependent' ? 'fully-random' : ''}
    ${hairpin ? `oifname "lan" ct status dnat snat to ${wanAddress}` : ''}
  }
  chain dstnat {
    type nat hook prerouting priority dstnat; policy accept;
    ${isWide ? `iifname "wan" ${inward}` : ''}
    ${hairpin ? `iifname "lan" ip daddr ${wanAddress} ${inward}` : ''}
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
    ${blocksUdp ? 'meta l4proto udp drop' : ''}
    iifname "lan" update @clients { udp sport : ip saddr } update @asked { ip saddr . udp sport . ip daddr }
    iifname "lan" oifname "wan" accept
    ct state established,related accept
    ${kind === 'endpoint-independent' ? 'iifname "wan" ct status dnat accept' : ''}
    ${kind === 'address-restricted' ? 'iifname "wan" ip daddr . udp dport . ip saddr @asked accept' : ''}
    ${hairpin ? 'iifname "lan" oifname "lan" ct status dnat accept' : ''}
  }
  chain input {
    type filter hook input priority filter; policy drop;
    iifname "lan" ip daddr ${lanAddress} accept
    meta l4proto icmp accept
  }
}`;
}

/** No NAT, and nothing comes in that was not asked for: what home routers do with IPv6 (RFC 6092). */
export const firewallRules = `
table ip6 parley {
  chain forward {
    type filter hook forward priority filter; policy drop;
    iifname "lan" oifname "wan" accept
    ct state established,related accept
  }
}`;
