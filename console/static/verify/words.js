// What a verification proves and what it does not, for somebody who knows neither ledgers nor this program.

const count = (n, one, many) => n === 1 ? `1 ${one}` : `${n.toLocaleString('en')} ${many}`;
const utc = (at) => at.toISOString().slice(0, 19).replace('T', ' ') + ' UTC';

function positions(all) {
  const shown = all.slice(0, 10).join(', '), more = all.length - 10;
  return `${all.length === 1 ? 'event' : 'events'} ${shown}${more > 0 ? ` and ${more} more` : ''}`;
}

// wordsOf gives two lists of sentences about a Run that holds.
export function wordsOf(run) {
  const proven = [], not = [];
  const yes = (s) => proven.push(s), no = (s) => not.push(s);
  if (run.document) {
    documentWords(run.document, yes, no);
  }
  if (run.position === 0) {
    return {proven, not};
  }
  const x = run.extract, all = x ? x.entries : run.position;
  if (x) {
    yes(`${count(all, 'event is', 'events are')} of ${run.source}, the last of them number ${run.position}, unchanged and each at its place in the ledger: all lie under its checkpoint.`);
    yes('Each is signed with a key that the events here name before it and do not replace.');
    no(`That these are all events about the ${x.kind} ${x.id}, or about keys: others may have been left out. Only a bundle of everything shows that.`);
  } else {
    yes(`Events 1 to ${run.position} of ${run.source} are complete, in their order and unchanged: each names the one before it by its hash.`);
    yes('Each event is signed with a key that the ledger had named before it and not yet replaced.');
  }
  yes(`Who asked is proven of ${count(run.signed, 'event', 'events')}: each carries that person's, program's or wallet's own signature.`);
  if (run.documents > 0) {
    yes(`${count(run.documents, 'signed document is', 'signed documents are')} the very one${run.documents === 1 ? '' : 's'} that events name, signed with the key that they name.`);
  }
  if (run.texts > 0) {
    yes(`${count(run.texts, 'private text is', 'private texts are')} what an event committed to.`);
  }
  for (const k of run.knew) {
    yes(k.shown ? `Event ${k.position} is the very one that this page shows in its bar.` : `Event ${k.position} is the very one that you know, and all before it is what led to it.`);
  }
  for (const k of run.missed) {
    no(`That event ${k.position} is the one that you know: it is not among these.`);
  }
  if (run.continues) {
    yes('It begins with the history that this browser verified before.');
  }
  no('That the rules permitted each change, and that signed documents say what the events give: that takes the rules, which this page does not have. The command permledger verify asks them again.');
  if (run.bundle) {
    no('What the readme, the schemas and the program in the bundle say: they are as its list of sums has them, and no more.');
  }
  checkpointWords(run, yes, no);
  if (run.byNode > 0) {
    no(`More than the operator's word of ${count(run.byNode, 'event', 'events')}: the ledger itself wrote ${run.byNode === 1 ? 'it' : 'them'}, as when a grant ends.`);
  }
  no('When exactly things happened: times are those of the operator\'s clock. The order is proven.');
  for (const s of run.suspects) {
    no(`Who signed ${positions(s.positions)}: the key ${s.key} was reported as known to others from event ${s.from} on.`);
  }
  no('That this page is honest: it came from the ledger\'s own operator. Verify a bundle with a copy of permledger, or of docs/verify.py, that you got elsewhere.');
  return {proven, not};
}

function documentWords(d, yes, no) {
  yes(`The document ${d.cid} is unchanged since ${d.key} signed it.`);
  if (d.position) {
    yes(`Event ${d.position} of the ledger names this very file and this key.`);
  } else {
    no(`Whose key that is, and that the ledger recorded it: no events were here to look in. It says that it was issued by ${d.issuer}.`);
  }
  no('That it still holds: a later event may have taken something away. The role\'s or person\'s page says so, and its credentialStatus.');
}

function checkpointWords(run, yes, no) {
  const c = run.checkpoint, after = run.extract ? run.extract.asOf : run.position;
  if (!c) {
    no('That others are shown the same history, and that its end was not cut off: no checkpoint came with these events.');
    return;
  }
  const doubted = run.suspects.filter((s) => c.keys.includes(s.key) && s.from <= c.size);
  yes(`The ledger signed for them: its checkpoint (one hash over all events up to ${c.size}) is signed with ${c.keys.join(' and ')}, which the events name.`);
  for (const s of doubted) {
    no(`Who signed the checkpoint with ${s.key}: that key was reported as known to others.`);
  }
  if (c.trusted) {
    yes(`The key that you gave has signed it${c.witnesses.length > 0 ? ', and as many witnesses as your policy asks for' : ''}.`);
  } else {
    no('Whose ledger this is: its keys were taken from itself. Paste a key or a policy that you got elsewhere.');
  }
  for (const w of c.witnesses) {
    const say = c.claimed ? no : yes;
    say(`${w.name} signed on ${utc(w.at)} that it had seen this checkpoint and none that contradicts it${c.claimed ? '; but that this name and key are a witness\'s, only the sender of this file says' : ''}.`);
  }
  if (c.witnesses.length === 0) {
    no(c.unknown.length > 0 ? `That witnesses signed the checkpoint: lines of ${c.unknown.slice(0, 10).join(', ')} stand under it, which only a policy with their keys can check.`
      : 'Nobody but the ledger\'s operator signed the checkpoint: that others were shown the same history is not proven.');
  }
  if (c.size < run.position) {
    no(`That events from ${c.size + 1} on are what others are shown: the checkpoint was signed before them.`);
  }
  no(`What came after event ${after}, and whether anything did.`);
}
