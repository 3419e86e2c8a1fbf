/** How much may be in flight. One object a link; it is told what happened and asked for the window. */
export interface CongestionController {
  /** Bytes of datagrams that may be in flight. */
  readonly windowBytes: number;
  onAcknowledged(event: AcknowledgedEvent): void;
  onLost(event: LostEvent): void;
}

export interface AcknowledgedEvent {
  readonly now: number;
  readonly bytes: number;
  /** When the acknowledged packet was sent. */
  readonly sentAt: number;
  /** There was less to send than the window allows, so its size was not put to the test. */
  readonly appLimited: boolean;
}

export interface LostEvent {
  readonly now: number;
  readonly bytes: number;
  /** When the newest of the lost packets was sent. */
  readonly newestSentAt: number;
  /** RFC 9002, section 7.6. */
  readonly persistentCongestion: boolean;
}
