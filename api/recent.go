package api

import "sync"

// recent remembers what came last, at most twice as much as it is told: once there is that much, it forgets the older half
// of what it has. Its zero value has nothing. It is safe for concurrent use.
type recent[K comparable, V any] struct {
	mu         sync.RWMutex
	young, old map[K]V
}

func (r *recent[K, V]) get(key K) (value V, ok bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.look(key)
}

func (r *recent[K, V]) look(key K) (value V, ok bool) {
	if value, ok = r.young[key]; !ok {
		value, ok = r.old[key]
	}
	return value, ok
}

func (r *recent[K, V]) put(key K, value V, half int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.set(key, value, half)
}

func (r *recent[K, V]) set(key K, value V, half int) {
	if r.young == nil || len(r.young) >= half {
		r.old, r.young = r.young, map[K]V{}
	}
	r.young[key] = value
}

// putUnless is put where what is known of the key, if anything, does not say stay. It says whether it did.
func (r *recent[K, V]) putUnless(key K, value V, half int, stay func(known V) bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known, ok := r.look(key); ok && stay(known) {
		return false
	}
	r.set(key, value, half)
	return true
}
