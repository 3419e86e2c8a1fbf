/** JSON-RPC 2.0 (https://www.jsonrpc.org/specification) over lines: parsing that trusts nothing, and writing. */
import { z } from 'zod';
import { errorFacts, isErrorCode, ParleyError, type ErrorCode } from './errors.js';

export type RequestId = number | string;

export interface RpcRequest {
  /** Missing in a notification, which gets no answer. */
  readonly id?: RequestId;
  readonly method: string;
  readonly params: unknown;
}

export type RpcReply =
  { readonly id: RequestId; readonly result: unknown } | { readonly id: RequestId | null; readonly error: ParleyError };

const idSchema = z.union([z.number(), z.string().max(64)]);

const requestSchema = z.object({
  jsonrpc: z.literal('2.0'),
  id: idSchema.optional(),
  method: z.string().max(64),
  params: z.record(z.string(), z.unknown()).optional(),
});

const errorSchema = z.object({
  code: z.number(),
  message: z.string(),
  data: z.object({ code: z.string(), retryAfterMs: z.number().optional() }).optional(),
});

const replySchema = z.union([
  z.object({ jsonrpc: z.literal('2.0'), id: idSchema, result: z.unknown() }),
  z.object({ jsonrpc: z.literal('2.0'), id: idSchema.nullable(), error: errorSchema }),
]);

/** Throws PARSE_ERROR or INVALID_REQUEST; `requestIdOf` tells which request to blame. */
export function parseRequest(line: string): RpcRequest {
  const parsed = requestSchema.safeParse(parseJson(line));
  if (!parsed.success) throw new ParleyError('INVALID_REQUEST', describeIssue(parsed.error));
  const { id, method, params } = parsed.data;
  return { ...(id === undefined ? {} : { id }), method, params: params ?? {} };
}

/** The id of a line that `parseRequest` refused, if it has one that can be answered. */
export function requestIdOf(line: string): RequestId | null {
  try {
    const value: unknown = JSON.parse(line);
    const id = idSchema.safeParse((value as { id?: unknown } | null)?.id);
    return id.success ? id.data : null;
  } catch {
    return null;
  }
}

/** A line from the server: the reply to a request, or a notification. Throws PARSE_ERROR or INVALID_REQUEST. */
export function parseServerLine(line: string): { reply: RpcReply } | { notification: RpcRequest } {
  const value = parseJson(line);
  const notification = requestSchema.safeParse(value);
  if (notification.success && notification.data.id === undefined) {
    return { notification: { method: notification.data.method, params: notification.data.params ?? {} } };
  }
  const reply = replySchema.safeParse(value);
  if (!reply.success) throw new ParleyError('INVALID_REQUEST', describeIssue(reply.error));
  if ('result' in reply.data) return { reply: { id: reply.data.id, result: reply.data.result } };
  if (!('error' in reply.data)) throw new ParleyError('INVALID_REQUEST', 'a reply needs a result or an error');
  return { reply: { id: reply.data.id, error: errorFromWire(reply.data.error) } };
}

export function requestLine(id: RequestId, method: string, params: unknown): string {
  return `${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`;
}

export function notificationLine(method: string, params: unknown): string {
  return `${JSON.stringify({ jsonrpc: '2.0', method, params })}\n`;
}

export function resultLine(id: RequestId, result: unknown): string {
  return `${JSON.stringify({ jsonrpc: '2.0', id, result })}\n`;
}

export function errorLine(id: RequestId | null, error: ParleyError): string {
  const { code, message, retryAfterMs } = error;
  const data = { code, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  return `${JSON.stringify({ jsonrpc: '2.0', id, error: { code: errorFacts(code).number, message, data } })}\n`;
}

/** One line of words for a value that did not fit its schema. */
export function describeIssue(error: z.ZodError): string {
  const [issue] = error.issues;
  if (!issue) return 'wrong form';
  const where = issue.path.map(String).join('.');
  return where === '' ? issue.message : `${where}: ${issue.message}`;
}

function errorFromWire(error: z.infer<typeof errorSchema>): ParleyError {
  // A newer server may have codes that this client has not.
  const code: ErrorCode = isErrorCode(error.data?.code) ? error.data.code : 'INTERNAL';
  const retryAfterMs = error.data?.retryAfterMs;
  return new ParleyError(code, error.message, retryAfterMs === undefined ? undefined : { retryAfterMs });
}

function parseJson(line: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new ParleyError('PARSE_ERROR', undefined, { cause });
  }
  // The key may be written with escapes, so the text alone does not tell; values may hold anything.
  if ((line.includes('__proto__') || line.includes('\\u')) && hasProtoKey(value)) {
    throw new ParleyError('INVALID_REQUEST', 'a key is named __proto__');
  }
  return value;
}

function hasProtoKey(root: unknown): boolean {
  const pending: unknown[] = [root];
  while (pending.length > 0) {
    const value = pending.pop();
    if (typeof value !== 'object' || value === null) continue;
    if (Object.hasOwn(value, '__proto__')) return true;
    // Not spread: a call takes only so many arguments.
    for (const inner of Object.values(value) as unknown[]) pending.push(inner);
  }
  return false;
}
