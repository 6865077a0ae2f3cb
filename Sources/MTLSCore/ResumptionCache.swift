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
        /// Whether the server has resumed a session since it declined one, or was met.
        var isProven = false
    }

    package struct Entry: Sendable {
        package let session: Session
        let isReusable: Bool
        let expiry: Deadline
        /// When the full handshake that it comes from is too old, be it by way of many sessions: no expiry is later.
        package let limit: Deadline
        /// Whether the server has resumed a session of this place since it declined one, or was met.
        package fileprivate(set) var isProven = false
    }

    private let placeLimit: Int
    private let sessionLimit: Int
    private let maximumAge: Duration
    private typealias Slots = [Place: Slot]
    private var slots = Slots()
    /// No session expires before.
    private var firstExpiry = Deadline.distantFuture
    private var lastUse = 0
    private var lastGeneration = 0

    /// - Parameters:
    ///   - sessionLimit: How many sessions a place may have.
    ///   - maximumAge: How long a session is kept, and those that came of its resumption, whatever their server says.
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
        if let index = slots.index(forKey: place) {
            slots.values[index].use = lastUse
            if slots.values[index].stamp != stamp { renew(index, stamp) }
            return slots.values[index].generation
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
        guard let index = slots.index(forKey: place) else { return nil }
        if slots.values[index].stamp == stamp { return slots.values[index].generation }
        guard slots.values[index].generation == generation else { return nil }
        renew(index, stamp)
        return slots.values[index].generation
    }

    /// Takes the newest session out; a reusable one stays.
    package mutating func take(_ place: Place, _ generation: Int, now: Deadline) -> Entry? {
        guard let index = index(of: place, generation) else { return nil }
        while var entry = slots.values[index].entries.last {
            entry.isProven = slots.values[index].isProven
            if entry.expiry <= now || !entry.isReusable { slots.values[index].entries.removeLast() }
            if entry.expiry > now { return entry }
        }
        return nil
    }

    /// Keeps a session that a connection of `generation` was given.
    ///
    /// - Parameters:
    ///   - lifetime: What the server says; nil when it says nothing.
    ///   - limit: That of the entry that the connection resumed; nil when it made a full handshake.
    /// - Returns: Whether it is kept.
    @discardableResult
    package mutating func put(
        _ session: Session, _ place: Place, _ generation: Int, lifetime: Duration?, isReusable: Bool,
        limit: Deadline? = nil, now: Deadline
    ) -> Bool {
        let limit = limit ?? now + maximumAge
        let expiry = min(lifetime.map { now + $0 } ?? limit, limit)
        guard expiry > now, let index = index(of: place, generation) else { return false }
        // A newer one that is reusable takes the place of all.
        if isReusable { slots.values[index].entries.removeAll(keepingCapacity: true) }
        slots.values[index].entries.append(
            Entry(session: session, isReusable: isReusable, expiry: expiry, limit: limit))
        if slots.values[index].entries.count > sessionLimit { slots.values[index].entries.removeFirst() }
        firstExpiry = min(firstExpiry, expiry)
        return true
    }

    /// Puts back what was taken and not used.
    package mutating func putBack(_ entry: Entry, _ place: Place, _ generation: Int) {
        guard !entry.isReusable, let index = index(of: place, generation) else { return }
        slots.values[index].entries.append(entry)
        firstExpiry = min(firstExpiry, entry.expiry)
    }

    /// Wipes the sessions of a place and ends its generation: they were refused, by the server or by ourselves.
    package mutating func wipe(_ place: Place, _ generation: Int) {
        if let index = index(of: place, generation) { renew(index, slots.values[index].stamp) }
    }

    /// The server has resumed a session of the place.
    package mutating func prove(_ place: Place, _ generation: Int) {
        if let index = index(of: place, generation) { slots.values[index].isProven = true }
    }

    /// Takes the sessions out that meet `condition`: the server has declined them.
    package mutating func remove(_ place: Place, _ generation: Int, where condition: (Session) -> Bool) {
        guard let index = index(of: place, generation) else { return }
        slots.values[index].entries.removeAll { condition($0.session) }
        slots.values[index].isProven = false
    }

    /// Where the place is, as long as its generation lasts.
    private func index(of place: Place, _ generation: Int) -> Slots.Index? {
        slots.index(forKey: place).flatMap { slots.values[$0].generation == generation ? $0 : nil }
    }

    private mutating func renew(_ index: Slots.Index, _ stamp: Stamp) {
        lastGeneration += 1
        slots.values[index].stamp = stamp
        slots.values[index].generation = lastGeneration
        slots.values[index].entries = []
        slots.values[index].isProven = false
    }

    private mutating func dropExpired(_ now: Deadline) {
        guard firstExpiry <= now else { return }
        firstExpiry = .distantFuture
        for index in slots.values.indices {
            slots.values[index].entries.removeAll { $0.expiry <= now }
            for entry in slots.values[index].entries { firstExpiry = min(firstExpiry, entry.expiry) }
        }
    }
}
