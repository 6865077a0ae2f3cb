import Synchronization

extension TokenLane {
    /// Runs `body` on a thread of the lane. When the task is cancelled the result is an error of kind `cancelled`, at
    /// once: a body that has not started never will, one that runs is left to end unheard.
    package func run<Result: Sendable>(
        _ body: @escaping @Sendable () throws(PKCS11Error) -> Result
    ) async throws(PKCS11Error) -> Result {
        let call = Call<Result>()
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation {
                (continuation: CheckedContinuation<Swift.Result<Result, PKCS11Error>, Never>) in
                guard call.begin(continuation) else { return }
                do throws(PKCS11Error) {
                    let ticket = try submit {
                        do throws(PKCS11Error) { call.end(.success(try body())) } catch { call.end(.failure(error)) }
                    }
                    if call.hold(ticket) { ticket.cancel() }
                } catch {
                    call.end(.failure(error))
                }
            }
        } onCancel: {
            call.cancel()
        }
        return try outcome.get()
    }

    /// Sees to it that the continuation is resumed once, by the body or by the cancellation.
    private final class Call<Value: Sendable>: Sendable {
        private struct State {
            var continuation: CheckedContinuation<Result<Value, PKCS11Error>, Never>?
            var ticket: Ticket?
            var isCancelled = false
        }
        private let state = Mutex(State())
        private static var cancelled: PKCS11Error { PKCS11Error(.cancelled, "the task was cancelled") }

        /// False, having resumed, where the task was cancelled before.
        func begin(_ continuation: CheckedContinuation<Result<Value, PKCS11Error>, Never>) -> Bool {
            let isCancelled = state.withLock { state in
                if !state.isCancelled { state.continuation = continuation }
                return state.isCancelled
            }
            if isCancelled { continuation.resume(returning: .failure(Self.cancelled)) }
            return !isCancelled
        }

        /// True where the task was cancelled before the ticket came.
        func hold(_ ticket: Ticket) -> Bool {
            state.withLock { state in
                state.ticket = ticket
                return state.isCancelled
            }
        }

        func end(_ result: Result<Value, PKCS11Error>) {
            let continuation = state.withLock { state in state.continuation.take() }
            continuation?.resume(returning: result)
        }

        func cancel() {
            let ticket = state.withLock { state in
                state.isCancelled = true
                return state.ticket
            }
            ticket?.cancel()
            end(.failure(Self.cancelled))
        }
    }
}
