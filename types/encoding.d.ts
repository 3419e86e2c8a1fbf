// The one part of the platform that the pure packages may use besides the language itself: the WHATWG Encoding
// Standard, present in every JavaScript runtime. Declared here because they compile with no platform types at all.

declare class TextEncoder {
  encode(text: string): Uint8Array<ArrayBuffer>;
}

declare class TextDecoder {
  constructor(label?: 'utf-8', options?: { fatal?: boolean; ignoreBOM?: boolean });
  decode(bytes?: Uint8Array, options?: { stream?: boolean }): string;
}
