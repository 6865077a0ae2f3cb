/// The requests that wait for a connection, first come, first served.
///
/// An array with a moving head; who leaves from the middle leaves a gap. Both ends take constant time on average,
/// leaving from the middle a search.
struct WaiterQueue {
    struct Waiter {
        let request: PoolStateMachine.RequestID
        /// Its place in the order of arrivals and attempts.
        let arrival: Int
        let since: Deadline
        let deadline: Deadline
    }

    private var slots: [Waiter?] = []
    private var head = 0
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    mutating func append(_ waiter: Waiter) {
        slots.append(waiter)
        count += 1
    }

    mutating func popFirst() -> Waiter? {
        while head < slots.count {
            let waiter = slots[head]
            head += 1
            guard let waiter else { continue }
            count -= 1
            compact()
            return waiter
        }
        return nil
    }

    mutating func remove(_ request: PoolStateMachine.RequestID) -> Bool {
        guard let index = slots[head...].firstIndex(where: { $0?.request == request }) else { return false }
        slots[index] = nil
        count -= 1
        compact()
        return true
    }

    func contains(where condition: (Waiter) -> Bool) -> Bool {
        slots[head...].contains { $0.map(condition) ?? false }
    }

    /// Takes out all waiters behind the first `skipped` that meet `condition`, in their order.
    mutating func removeAll(skipping skipped: Int = 0, where condition: (Waiter) -> Bool) -> [Waiter] {
        let waiting = slots[head...].compactMap(\.self)
        let removed = waiting.dropFirst(skipped).filter(condition)
        guard !removed.isEmpty else { return [] }
        slots = waiting.prefix(skipped) + waiting.dropFirst(skipped).filter { !condition($0) }
        head = 0
        count = slots.count
        return removed
    }

    /// The earliest deadline after `now`.
    func nextDeadline(after now: Deadline) -> Deadline {
        slots[head...].reduce(.distantFuture) { next, waiter in
            guard let waiter, waiter.deadline > now else { return next }
            return min(next, waiter.deadline)
        }
    }

    /// Gives back the slots in front of the head, and all of them when nobody waits.
    private mutating func compact() {
        if count == 0 {
            slots.removeAll(keepingCapacity: true)
            head = 0
        } else if head > 32, head * 2 > slots.count {
            slots.removeFirst(head)
            head = 0
        }
    }
}
