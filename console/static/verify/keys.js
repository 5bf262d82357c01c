// The history of a ledger's keys, by position: format.md, 6.

// Signers are the keys that may sign the next entry, as the events before it made them.
export class Signers {
  #events = new Set();
  #root = undefined;

  // may says whether an entry's key may sign at its position.
  may({event: e, evidence, signatures: [{key}]}) {
    const c = e.data.command;
    switch (e.type) {
    case 'organization.opened':
      return e.sequence === '1' && key === c.keys.event;
    case 'key.succeeded':
      return key === c.key && this.#root !== undefined && evidence?.key === this.#root;
    case 'key.rotated':
      return this.#events.has(key) && (c.old !== this.#root || evidence?.key === this.#root);
    }
    return this.#events.has(key);
  }

  // note takes in what an event does to the keys.
  note({type, data: {command: c}}) {
    switch (type) {
    case 'organization.opened':
      this.#events = new Set([c.keys.event]);
      this.#root = c.keys.root;
      break;
    case 'key.registered':
      if (c.purpose === 'event') {
        this.#events.add(c.key);
      }
      break;
    case 'key.rotated':
      if (this.#events.delete(c.old)) {
        this.#events.add(c.new);
      } else if (c.old === this.#root) {
        this.#root = c.new;
      }
      break;
    case 'key.succeeded':
      this.#events.delete(c.lost);
      this.#events.add(c.key);
      break;
    case 'key.revoked':
      this.#events.delete(c.key);
    }
  }
}

// CheckpointKeys are the keys that may sign a checkpoint of a size: format.md, 6.1.
export class CheckpointKeys {
  #list = []; // {did, from, until}: the first size, and the first that it may not sign any more
  #doubted = false; // the one in use is reported

  get #current() {
    return this.#list.at(-1);
  }

  get #beside() {
    const old = this.#list.at(-2);
    return old?.until ? undefined : old;
  }

  #end(at) {
    if (this.#beside) {
      this.#beside.until = at;
    }
  }

  #add(did, from) {
    this.#list.push({did, from, until: 0});
    this.#doubted = false;
  }

  note({type, sequence, data: {command: c}}) {
    const at = Number(sequence);
    switch (type) {
    case 'organization.opened':
      if (c.keys.checkpoint) {
        this.#add(c.keys.checkpoint, at);
      }
      break;
    case 'key.registered':
      if (c.purpose === 'checkpoint') {
        this.#add(c.key, at);
      }
      break;
    case 'key.rotated':
      if (this.#current?.did === c.old) {
        this.#end(at);
        if (this.#doubted) {
          this.#current.until = at;
        }
        this.#add(c.new, at);
      }
      break;
    case 'key.revoked':
      if (this.#beside?.did === c.key) {
        this.#end(at);
      }
      break;
    case 'key.reported':
      if (this.#beside?.did === c.key) {
        this.#end(at);
      } else if (this.#current?.did === c.key) {
        this.#doubted = true;
      }
    }
  }

  // at gives those that may sign a checkpoint of a size, the key in use first.
  at(size) {
    return this.#list.filter((k) => k.from <= size && (k.until === 0 || size < k.until)).map((k) => k.did).reverse();
  }
}

// DocumentKeys are the keys that sign documents, and did, in the order in which they came: format.md, 15.4.
export class DocumentKeys {
  #all = []; // {did, ended, distrusted, since, reported}
  #named = undefined; // the DID that the organization named

  note({type, time, data: {command: c}}) {
    const add = (did) => this.#all.push({did, ended: false, since: undefined, reported: false});
    const key = this.#all.find((k) => k.did === (type === 'key.rotated' ? c.old : c.key));
    const distrust = () => { key.since ??= time; };
    switch (type) {
    case 'organization.opened':
      this.#named = c.did;
      add(c.keys.document);
      return;
    case 'key.registered':
      if (c.purpose === 'document') {
        add(c.key);
      }
      return;
    }
    if (!key) {
      return;
    }
    switch (type) {
    case 'key.rotated':
      key.ended = true;
      if (key.reported) {
        distrust();
      }
      add(c.new);
      break;
    case 'key.revoked':
      key.ended = true;
      distrust();
      break;
    case 'key.reported':
      key.reported = true;
      if (key.ended) {
        distrust();
      }
    }
  }

  // document gives the DID document of a ledger.
  document(source) {
    const at = source.lastIndexOf('/'), named = this.#named;
    const id = named?.startsWith('did:web:') ? named : `did:web:${source.slice(0, at).replaceAll(':', '%3A')}:orgs:${source.slice(at + 1)}`;
    const multibase = ({did}) => did.slice('did:key:'.length), method = (k) => `${id}#${multibase(k)}`;
    const also = named ? [named].filter((did) => did !== id) : this.#all.map((k) => k.did);
    return {
      '@context': ['https://www.w3.org/ns/did/v1', 'https://w3id.org/security/multikey/v1'],
      ...(also.length > 0 ? {alsoKnownAs: also} : {}),
      assertionMethod: this.#all.filter((k) => !k.since).map(method),
      id,
      verificationMethod: this.#all.map((k) => ({
        controller: id, id: method(k), publicKeyMultibase: multibase(k), ...(k.since ? {revoked: k.since} : {}), type: 'Multikey',
      })),
    };
  }
}
