import { createPrivateKey, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { readIfThere, writePrivateFile } from '@parley/files';
import { StartFailure } from './start-failure.js';

export interface Certificate {
  /** PEM */
  readonly cert: string;
  /** PEM */
  readonly key: string;
  /** SHA-256 of the certificate, as `openssl x509 -noout -fingerprint -sha256` prints it; clients pin it. */
  readonly fingerprint: string;
}

/** Clients pin the certificate itself, so its end would help nobody. */
const validYears = 50;

/**
 * The certificate in a data directory, made at the first start.
 * @throws StartFailure DATA_CORRUPT when it is there but not usable: a new one would look like an attack to all clients.
 */
export async function loadCertificate(directory: string): Promise<Certificate> {
  const certPath = join(directory, 'tls-cert.pem');
  const keyPath = join(directory, 'tls-key.pem');
  let cert = readIfThere(certPath);
  let key = readIfThere(keyPath);
  if (cert === undefined) {
    // The key goes first: one without its certificate was never shown to anybody.
    ({ cert, key } = await makeCertificate());
    writePrivateFile(keyPath, key);
    writePrivateFile(certPath, cert);
  }
  try {
    const parsed = new X509Certificate(cert);
    if (key === undefined || !parsed.checkPrivateKey(createPrivateKey(key))) throw new Error('the key does not fit');
    return { cert, key, fingerprint: parsed.fingerprint256 };
  } catch (cause) {
    throw new StartFailure('DATA_CORRUPT', `${certPath} and ${keyPath} are not a certificate and its key`, { cause });
  }
}

async function makeCertificate(): Promise<{ cert: string; key: string }> {
  // Loaded at the first start only: it takes longer than the rest of a start.
  const { generate } = await import('selfsigned');
  const notBeforeDate = new Date();
  const notAfterDate = new Date(notBeforeDate);
  notAfterDate.setFullYear(notAfterDate.getFullYear() + validYears);
  const made = await generate([{ name: 'commonName', value: 'parley' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notBeforeDate,
    notAfterDate,
  });
  return { cert: made.cert, key: made.private };
}
