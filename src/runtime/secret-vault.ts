/** The node's secrets: opens what is sealed with its key, and looks up what refers to its host. */
import type { SecretVault } from '../dispatcher/ports.js';
import type { Sealer } from '../model/secret.js';
import { lookUpSecret, type SecretSource } from '../remote/resolve-secrets.js';

/** See above. Without a sealer nothing sealed can be opened. */
export function createSecretVault(sealer: Sealer | undefined, source: SecretSource): SecretVault {
  return {
    open: async (form, workflowUid) => {
      if ('value' in form) return form.value;
      if (!('sealed' in form)) return await lookUpSecret(form, source);
      if (sealer === undefined) throw new Error('A sealed secret cannot be opened: this node has no key');
      try {
        return sealer.open(form.sealed, workflowUid);
      } catch (error) {
        throw new Error("A sealed secret cannot be opened with this node's key", { cause: error });
      }
    },
    seal: (text, workflowUid) => sealer?.seal(text, workflowUid),
  };
}
