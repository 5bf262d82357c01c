// Judges files with the console's verifier: cases on stdin, verdicts on stdout.
import {readFileSync, openAsBlob} from 'node:fs';
import {parseCitation, parseTrust, verifyFile, wordsOf} from './static/verify.js';

const verdicts = [];
for (const {name, path, trust, known, kept} of JSON.parse(readFileSync(0, 'utf8'))) {
  const since = performance.now();
  const run = await verifyFile(await openAsBlob(path), {trust: trust && parseTrust(trust), known: known ? [parseCitation(known)] : [], kept});
  const {ok, position, head, root, signed, byNode, documents, texts, suspects, broken} = run;
  verdicts.push({
    name, ok, position, head, root, signed, byNode, documents, texts, suspects, millis: performance.now() - since, ...wordsOf(run),
    broken: broken && {check: broken.check, position: broken.position, file: broken.file, message: broken.message, unjudged: broken.unjudged, raw: broken.raw !== undefined},
  });
}
console.log(JSON.stringify(verdicts));
