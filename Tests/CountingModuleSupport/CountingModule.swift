#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif
import Synchronization

/// A PKCS#11 module of a test's own that stands in front of another one, counts the calls, delays, blocks and
/// fails them, takes the token away and brings another.
///
/// Each object has its own copy of the shared object, so the tests that run beside this one are not counted. Load the
/// module at ``path``.
package final class CountingModule: Sendable {
    package struct Unavailable: Error, CustomStringConvertible {
        package let description: String
    }

    /// The path of the copy.
    package let path: String
    private let directory: String
    private let controls: Controls

    /// - Parameter target: The absolute path of the module behind.
    package init(inFrontOf target: String) throws {
        let original = try Self.original()
        var template = Array("/tmp/counting-module-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw Unavailable(description: "no temporary directory") }
        directory = String(cString: made)
        let path = directory + "/libCountingModule.so"
        try Self.copy(original, to: path)
        self.path = path
        controls = try Controls(path)
        guard controls.setTarget(target) == 0 else {
            throw Unavailable(description: "the module \(target) cannot be loaded")
        }
    }

    deinit {
        unlink(path)
        rmdir(directory)
    }

    /// How often `function`, such as `C_Sign`, was called since the last ``reset()``.
    package func count(of function: String) -> Int { Int(controls.count(function)) }

    /// Forgets counts, delays and faults.
    package func reset() { controls.reset() }

    /// Lets each call of `function` take at least so long.
    package func delay(_ function: String, milliseconds: Int) { controls.delay(function, UInt(milliseconds)) }

    /// Lets calls of `function` return `rv` without being passed on: the next, or the one that `call` counts from now, and
    /// those that follow until it was so many `times`.
    package func fail(_ function: String, call: Int = 1, times: Int = 1, with rv: UInt) {
        controls.fail(function, UInt(call), UInt(times), rv)
    }

    /// Lets calls of `function` hang until ``unblock(_:)``.
    ///
    /// - Returns: One element for each call that begins to hang.
    package func block(_ function: String) -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream<Void>.makeStream()
        let arrivals = Arrivals(continuation)
        Self.arrivals.withLock { $0.append(arrivals) }
        let context = Unmanaged.passUnretained(arrivals).toOpaque()
        controls.block(
            function,
            { context in
                guard let context else { return }
                Unmanaged<Arrivals>.fromOpaque(context).takeUnretainedValue().continuation.yield()
            }, context)
        return stream
    }

    /// Kept for good: a call may be about to report itself.
    private static let arrivals = Mutex<[Arrivals]>([])

    private final class Arrivals: Sendable {
        let continuation: AsyncStream<Void>.Continuation
        init(_ continuation: AsyncStream<Void>.Continuation) { self.continuation = continuation }
    }

    /// Lets the calls go on that ``block(_:)`` holds up.
    package func unblock(_ function: String) { controls.unblock(function) }

    /// Flips a bit of each signature, until it is told otherwise or reset.
    package func corruptSignatures(_ corrupt: Bool = true) { controls.corruptSignatures(corrupt ? 1 : 0) }

    /// Changes the flags that `C_GetTokenInfo` shows.
    package func tokenFlags(adding added: UInt = 0, removing removed: UInt = 0) { controls.tokenFlags(added, removed) }

    /// Shows one slot, with the number `slot`, and in it the token that the module behind has in the slot `real`,
    /// perhaps with the label and the serial number of the token in the slot `other`.
    package func insertToken(_ real: UInt, in slot: UInt, disguisedAs other: UInt? = nil) {
        controls.insertToken(slot, real, other ?? real)
    }

    /// Takes the token out of the slot of ``insertToken(_:in:)``: sessions are lost, and their calls return `rv`.
    package func removeToken(answering rv: UInt) { controls.removeToken(rv) }

    /// Lets the token have a mechanism no more; four can be hidden.
    package func hideMechanism(_ type: UInt) { controls.hideMechanism(type) }

    /// Allows so many sessions at a time, 0 for any number, and shows the limit in `C_GetTokenInfo` or keeps silent.
    package func limitSessions(_ limit: Int, shown: Bool) { controls.sessionLimit(UInt(limit), shown ? 1 : 0) }

    /// Closes all sessions behind the caller's back, as when a token was pulled out and put back.
    package func loseSessions() { controls.loseSessions() }

    /// How many sessions were open at most since the last ``reset()``.
    package var mostSessions: Int { Int(controls.mostSessions()) }

    /// How many sessions were opened since the last ``reset()``.
    package var sessionsOpened: Int { Int(controls.sessionsOpened()) }

    /// The executable of a test bundle lies beside the shared objects that were built with it, or below them.
    private static func original() throws -> String {
        var path = Array(repeating: CChar(0), count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &path, path.count - 1)
        let executable = String(decoding: path.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        var directory = executable[...]
        while let slash = directory.lastIndex(of: "/") {
            directory = directory[..<slash]
            let candidate = directory + "/libCountingModule.so"
            if access(String(candidate), R_OK) == 0 { return String(candidate) }
        }
        throw Unavailable(description: "libCountingModule.so is not beside \(executable)")
    }

    private static func copy(_ source: String, to destination: String) throws {
        let input = open(source, O_RDONLY | O_CLOEXEC)
        let output = open(destination, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o700)
        defer {
            close(input)
            close(output)
        }
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(input, &buffer, buffer.count)
            if count == 0 { return }
            guard count > 0, write(output, buffer, count) == count else {
                throw Unavailable(description: "\(source) cannot be copied to \(destination)")
            }
        }
    }
}

/// The functions that the copy exports.
private struct Controls: Sendable {
    let setTarget: @convention(c) @Sendable (UnsafePointer<CChar>) -> CInt
    let count: @convention(c) @Sendable (UnsafePointer<CChar>) -> UInt
    let reset: @convention(c) @Sendable () -> Void
    let delay: @convention(c) @Sendable (UnsafePointer<CChar>, UInt) -> Void
    let fail: @convention(c) @Sendable (UnsafePointer<CChar>, UInt, UInt, UInt) -> Void
    typealias Notify = @convention(c) (UnsafeMutableRawPointer?) -> Void
    let block: @convention(c) @Sendable (UnsafePointer<CChar>, Notify, UnsafeMutableRawPointer) -> Void
    let unblock: @convention(c) @Sendable (UnsafePointer<CChar>) -> Void
    let corruptSignatures: @convention(c) @Sendable (CInt) -> Void
    let tokenFlags: @convention(c) @Sendable (UInt, UInt) -> Void
    let insertToken: @convention(c) @Sendable (UInt, UInt, UInt) -> Void
    let removeToken: @convention(c) @Sendable (UInt) -> Void
    let hideMechanism: @convention(c) @Sendable (UInt) -> Void
    let sessionLimit: @convention(c) @Sendable (UInt, CInt) -> Void
    let loseSessions: @convention(c) @Sendable () -> Void
    let mostSessions: @convention(c) @Sendable () -> UInt
    let sessionsOpened: @convention(c) @Sendable () -> UInt

    init(_ path: String) throws {
        guard let object = dlopen(path, RTLD_NOW | RTLD_LOCAL) else {
            throw CountingModule.Unavailable(description: dlerror().map { String(cString: $0) } ?? path)
        }
        func function<Function>(_ name: String) throws -> Function {
            guard let symbol = dlsym(object, name) else {
                throw CountingModule.Unavailable(description: "\(path) does not export \(name)")
            }
            return unsafeBitCast(symbol, to: Function.self)
        }
        setTarget = try function("counting_set_target")
        count = try function("counting_count")
        reset = try function("counting_reset")
        delay = try function("counting_delay")
        fail = try function("counting_fail")
        block = try function("counting_block")
        unblock = try function("counting_unblock")
        corruptSignatures = try function("counting_corrupt_signatures")
        tokenFlags = try function("counting_token_flags")
        insertToken = try function("counting_insert_token")
        removeToken = try function("counting_remove_token")
        hideMechanism = try function("counting_hide_mechanism")
        sessionLimit = try function("counting_session_limit")
        loseSessions = try function("counting_lose_sessions")
        mostSessions = try function("counting_most_sessions")
        sessionsOpened = try function("counting_sessions_opened")
    }
}
