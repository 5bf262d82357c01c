// Parses an AsyncAPI document and says what is wrong with it, and what it has: one line of JSON.
import { Parser, fromFile } from '@asyncapi/parser';

const { document, diagnostics } = await fromFile(new Parser(), process.argv[2]).parse();
console.log(JSON.stringify({
  // 0 is an error, 1 a warning; what is beyond is advice, as to use the newest version.
  wrong: diagnostics.filter((d) => d.severity < 2).map((d) => `${d.path.join('.')}: ${d.message}`),
  version: document?.version() ?? '',
  channels: (document?.allChannels().all() ?? []).map((c) => c.address() ?? '').sort(),
}));
