export interface Address {
  readonly address: string;
  readonly port: number;
}
