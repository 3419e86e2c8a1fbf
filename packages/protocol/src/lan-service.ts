/** How servers are found on a LAN (DNS-SD, RFC 6763): what `msa` announces and clients ask for. */
export const lanService = {
  /** Type of the service, section 4.1.2. */
  type: '_parley._tcp.local',
  /** Port and IPv4 group of multicast DNS (RFC 6762, section 3). */
  port: 5353,
  group: '224.0.0.251',
  /** A label of a name, in bytes of UTF-8 (RFC 1035, section 2.3.4). */
  labelMaxBytes: 63,
} as const;
