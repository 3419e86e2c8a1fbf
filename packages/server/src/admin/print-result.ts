import { findAdminCommand } from './admin-commands.js';
import type { AdminResult } from './admin-console.js';

/** What a person reads of a result. */
export function resultText(result: AdminResult): string {
  return result.ok ? findAdminCommand(result.command).print(result.data) : `${result.command}: ${result.error.message}`;
}
