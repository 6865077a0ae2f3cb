import Glibc
import Synchronization

/// A value that is made once, when it is first wanted, however many want it. A failure is not kept; what it takes to make
/// the value is let go of once it is made.
package final class AsyncOnce<Value: Sendable>: Sendable {
    private typealias Make = @Sendable () async throws -> Value

    private enum State {
        case empty(Make)
        case making(Task<Value, any Error>)
        case made(Value)
    }

    private let state: Mutex<State>

    package init(_ make: @escaping @Sendable () async throws -> Value) {
        state = Mutex(.empty(make))
    }

    /// The value, if it has been made.
    package var ifMade: Value? {
        state.withLock { if case .made(let value) = $0 { value } else { nil } }
    }

    /// The value. The making goes on when the caller that began it is cancelled: others may wait for it.
    package func value() async throws -> Value {
        let task: Task<Value, any Error>
        switch state.withLock({ begin(&$0) }) {
        case .left(let value): return value
        case .right(let making): task = making
        }
        return try await task.value
    }

    private enum Either {
        case left(Value)
        case right(Task<Value, any Error>)
    }

    private func begin(_ state: inout State) -> Either {
        switch state {
        case .made(let value): return .left(value)
        case .making(let task): return .right(task)
        case .empty(let make):
            let task = Task.detached { [self] in
                do {
                    let value = try await make()
                    self.state.withLock { $0 = .made(value) }
                    return value
                } catch {
                    self.state.withLock { $0 = .empty(make) }
                    throw error
                }
            }
            state = .making(task)
            return .right(task)
        }
    }
}

/// Work that blocks (a file, a terminal, a module that is loaded), kept away from Swift's few cooperative threads.
package enum BlockingWork {
    /// Runs `body` on a thread made for it.
    package static func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            spawn { continuation.resume(with: Result { try body() }) }
        }
    }

    /// Runs `body` on the cooperative pool and blocks the calling thread, which must not belong to it, until it ends.
    package static func wait<Value: Sendable>(for body: @escaping @Sendable () async throws -> Value) throws -> Value {
        let outcome = Mutex<Result<Value, any Error>?>(nil)
        let semaphore = UnsafeSemaphore()
        Task.detached {
            let result: Result<Value, any Error>
            do { result = .success(try await body()) } catch { result = .failure(error) }
            outcome.withLock { $0 = result }
            semaphore.signal()
        }
        semaphore.wait()
        guard let result = outcome.withLock({ $0 }) else { throw CancellationError() }
        return try result.get()
    }

    /// Runs `body` on a thread made for it, and does not wait for it.
    package static func spawn(_ body: @escaping @Sendable () -> Void) {
        let box = Unmanaged.passRetained(Body(body)).toOpaque()
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        var thread = pthread_t()
        let result = pthread_create(&thread, &attributes, runBody, box)
        pthread_attr_destroy(&attributes)
        // No thread to be had: better slow than never.
        if result != 0 { _ = runBody(box) }
    }

    fileprivate final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
}

private func runBody(_ pointer: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    if let pointer { Unmanaged<BlockingWork.Body>.fromOpaque(pointer).takeRetainedValue().run() }
    return nil
}

/// A POSIX semaphore.
private final class UnsafeSemaphore: @unchecked Sendable {  // safe: sem_t is made for threads
    private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    init() { sem_init(semaphore, 0, 0) }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    func signal() { sem_post(semaphore) }

    func wait() {
        while sem_wait(semaphore) != 0 && errno == EINTR {}
    }
}
