/** An address that something listens on. */
export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}
