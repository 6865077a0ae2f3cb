/// TLS sessions that later connections may resume, in memory only.
///
/// # Theory of operation
/// A *place* is all that a session belongs to: whom it was made with, under which name, by which settings. A *stamp* tells
/// the identities that may be shown there and the epochs of their keys. A place has one stamp at a time: whoever enters
/// with another wipes what is kept there, so that a rotated certificate, a refused PIN or a lost token takes its sessions
/// along.
///
/// Each wiping ends a *generation* of the place. A connection keeps the number of the generation in which it began, and
/// what it brings later counts only as long as that lasts.
///
/// Sessions are handed out newest first: a server that was restarted knows none of the older ones. One that is not
/// reusable is handed out once. The places that were used least recently go first when there are too many.
package struct ResumptionCache<Place: Hashable & Sendable, Stamp: Equatable & Sendable, Session: Sendable>: Sendable {
    private struct Slot: Sendable {
        var stamp: Stamp
        var generation: Int
        /// The newest last.
        var entries: [Entry] = []
        /// Greater than that of the places that were used before.
        var use: Int
    }

    package struct Entry: Sendable {
        package let session: Session
        let isReusable: Bool
        let expiry: Deadline
    }

    private let placeLimit: Int
    private let sessionLimit: Int
    private let maximumAge: Duration
    private var slots: [Place: Slot] = [:]
    private var lastUse = 0
    private var lastGeneration = 0

    /// - Parameters:
    ///   - sessionLimit: How many sessions a place may have.
    ///   - maximumAge: How long a session is kept, whatever its server says.
    package init(placeLimit: Int, sessionLimit: Int, maximumAge: Duration) {
        self.placeLimit = max(1, placeLimit)
        self.sessionLimit = max(1, sessionLimit)
        self.maximumAge = maximumAge
    }

    /// How many sessions there are.
    package var count: Int { slots.values.reduce(0) { $0 + $1.entries.count } }

    /// A connection to `place` begins.
    ///
    /// - Returns: The generation that its sessions belong to.
    package mutating func enter(_ place: Place, _ stamp: Stamp, now: Deadline) -> Int {
        lastUse += 1
        dropExpired(now)
        if var slot = slots.removeValue(forKey: place) {
            slot.use = lastUse
            if slot.stamp != stamp { renew(&slot, stamp) }
            slots[place] = slot
            return slot.generation
        }
        lastGeneration += 1
        slots[place] = Slot(stamp: stamp, generation: lastGeneration, use: lastUse)
        while slots.count > placeLimit, let oldest = slots.min(by: { $0.value.use < $1.value.use }) {
            slots[oldest.key] = nil
        }
        return lastGeneration
    }

    /// The epoch of a key has changed while a connection of `generation` was made, and because of it: the token was away
    /// and is back. What the connection brings belongs to `stamp`.
    ///
    /// - Returns: The generation that its sessions belong to now; nil when they are not wanted.
    package mutating func adopt(_ place: Place, _ stamp: Stamp, from generation: Int) -> Int? {
        guard var slot = slots[place] else { return nil }
        if slot.stamp == stamp { return slot.generation }
        guard slot.generation == generation else { return nil }
        renew(&slot, stamp)
        slots[place] = slot
        return slot.generation
    }

    /// Takes the newest session out; a reusable one stays.
    package mutating func take(_ place: Place, _ generation: Int, now: Deadline) -> Entry? {
        guard slots[place]?.generation == generation else { return nil }
        while let entry = slots[place]?.entries.last {
            if entry.expiry <= now || !entry.isReusable { slots[place]?.entries.removeLast() }
            if entry.expiry > now { return entry }
        }
        return nil
    }

    /// Keeps a session that a connection of `generation` was given.
    ///
    /// - Parameter lifetime: What the server says; nil when it says nothing.
    /// - Returns: Whether it is kept.
    @discardableResult
    package mutating func put(
        _ session: Session, _ place: Place, _ generation: Int, lifetime: Duration?, isReusable: Bool, now: Deadline
    ) -> Bool {
        let lifetime = min(lifetime ?? maximumAge, maximumAge)
        guard lifetime > .zero, slots[place]?.generation == generation else { return false }
        // A newer one that is reusable takes the place of all.
        if isReusable { slots[place]?.entries.removeAll() }
        slots[place]?.entries.append(Entry(session: session, isReusable: isReusable, expiry: now + lifetime))
        if let count = slots[place]?.entries.count, count > sessionLimit { slots[place]?.entries.removeFirst() }
        return true
    }

    /// Puts back what was taken and not used.
    package mutating func putBack(_ entry: Entry, _ place: Place, _ generation: Int) {
        guard !entry.isReusable, slots[place]?.generation == generation else { return }
        slots[place]?.entries.append(entry)
    }

    /// Wipes the sessions of a place and ends its generation: they were refused, by the server or by ourselves.
    package mutating func wipe(_ place: Place, _ generation: Int) {
        guard var slot = slots[place], slot.generation == generation else { return }
        renew(&slot, slot.stamp)
        slots[place] = slot
    }

    /// Takes the sessions out that meet `condition`.
    package mutating func remove(_ place: Place, _ generation: Int, where condition: (Session) -> Bool) {
        guard slots[place]?.generation == generation else { return }
        slots[place]?.entries.removeAll { condition($0.session) }
    }

    private mutating func renew(_ slot: inout Slot, _ stamp: Stamp) {
        lastGeneration += 1
        slot.stamp = stamp
        slot.generation = lastGeneration
        slot.entries = []
    }

    private mutating func dropExpired(_ now: Deadline) {
        for (place, slot) in slots where slot.entries.contains(where: { $0.expiry <= now }) {
            slots[place]?.entries.removeAll { $0.expiry <= now }
        }
    }
}
