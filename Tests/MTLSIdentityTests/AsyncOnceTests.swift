import MTLSIdentity
import Synchronization
import Testing

/// Counts, on any thread.
final class Counter: Sendable {
    private let number = Mutex(0)

    var count: Int { number.withLock { $0 } }

    @discardableResult
    func add() -> Int {
        number.withLock {
            $0 += 1
            return $0
        }
    }
}

/// Lets tasks wait until it is opened.
actor Gate {
    private var isOpen = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    func open() {
        isOpen = true
        for continuation in waiting { continuation.resume() }
        waiting = []
    }

    func pass() async {
        if isOpen { return }
        await withCheckedContinuation { waiting.append($0) }
    }
}

/// Values that are made once.
@Suite(.timeLimit(.minutes(15))) struct AsyncOnceTests {
    @Test func manyCallersShareOneMaking() async throws {
        let made = Counter()
        let gate = Gate()
        let once = AsyncOnce<Int> {
            await gate.pass()
            return made.add()
        }
        #expect(once.ifMade == nil)
        let callers = (0..<50).map { _ in Task { try await once.value() } }
        await gate.open()
        for caller in callers { #expect(try await caller.value == 1) }
        #expect(once.ifMade == 1)
        #expect(made.count == 1)
    }

    @Test func aFailureIsNotKept() async throws {
        struct Failure: Error {}
        let made = Counter()
        let once = AsyncOnce<Int> {
            if made.add() == 1 { throw Failure() }
            return 7
        }
        await #expect(throws: Failure.self) { try await once.value() }
        #expect(once.ifMade == nil)
        #expect(try await once.value() == 7)
        #expect(try await once.value() == 7)
        #expect(made.count == 2)
    }

    @Test func allWhoWaitedShareAFailure() async throws {
        struct Failure: Error {}
        let (started, gate) = (Gate(), Gate())
        let made = Counter()
        let once = AsyncOnce<Int> {
            made.add()
            await started.open()
            await gate.pass()
            throw Failure()
        }
        let first = Task { try await once.value() }
        await started.pass()
        let second = Task { try await once.value() }
        await gate.open()
        await #expect(throws: Failure.self) { try await first.value }
        await #expect(throws: Failure.self) { try await second.value }
        #expect((1...2).contains(made.count))
    }

    @Test func theFirstCallersCancellationFailsNobodyElse() async throws {
        let (started, gate) = (Gate(), Gate())
        let once = AsyncOnce<Int> {
            await started.open()
            await gate.pass()
            try Task.checkCancellation()
            return 7
        }
        let first = Task { try await once.value() }
        await started.pass()
        first.cancel()
        let second = Task { try await once.value() }
        await gate.open()
        #expect(try await second.value == 7)
        #expect(try await once.value() == 7)
    }

    @Test func whatItTakesToMakeTheValueIsLetGoOf() async throws {
        let counter = Mutex<Counter?>(Counter())
        weak let needed = counter.withLock { $0 }
        let once = counter.withLock { slot in
            let needed = slot.take()
            return AsyncOnce<Int?> { needed?.add() }
        }
        #expect(needed != nil)
        #expect(try await once.value() == 1)
        // The task that made it may be a moment from its end.
        while needed != nil { await Task.yield() }
        #expect(once.ifMade == 1)
    }

    @Test func blockingWorkHasAThreadOfItsOwnAndThrowsWhatItThrows() async throws {
        struct Failure: Error {}
        #expect(try await BlockingWork.run { 7 } == 7)
        await #expect(throws: Failure.self) { try await BlockingWork.run { throw Failure() } }
        let both = try await BlockingWork.run {
            try BlockingWork.wait {
                await Task.yield(); return 8
            }
        }
        #expect(both == 8)
    }
}
