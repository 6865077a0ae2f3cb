#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Bytes that must not be seen: a PIN or a passphrase.
///
/// The bytes live in pages of their own, locked against swapping (`mlock(2)`) and left out of core dumps
/// (`MADV_DONTDUMP`) where the system permits, and are wiped when the last reference goes. They are immutable, so that
/// the value may be shared between threads. Nothing prints them: description, debug description and mirror show only
/// that there is a secret.
public final class SecretBytes: @unchecked Sendable {  // safe: the memory is written only in init and deinit
    private let pages: LockedPages

    /// How many bytes the secret has.
    public let count: Int

    /// Copies `bytes` into locked memory. The caller wipes its own copy.
    public convenience init(copying bytes: UnsafeRawBufferPointer) {
        self.init(capacity: bytes.count) { memory in
            memory.copyMemory(from: bytes)
            return bytes.count
        }
    }

    /// Copies `bytes` into locked memory and wipes the array that was passed, when it is the only reference to its
    /// storage.
    public convenience init(wiping bytes: inout [UInt8]) {
        self.init(capacity: bytes.count) { memory in
            bytes.withUnsafeBytes { memory.copyMemory(from: $0) }
            return bytes.count
        }
        bytes.withUnsafeMutableBytes { SecretBytes.wipe($0) }
        bytes.removeAll()
    }

    /// Lets `fill` write at most `capacity` bytes straight into locked memory, so that no copy is ever made elsewhere.
    ///
    /// - Parameters:
    ///   - capacity: In bytes; none when negative.
    ///   - fill: Returns how many bytes it wrote; the count is kept within the capacity. What it throws is rethrown,
    ///     after the memory was wiped.
    public init<Failure: Error>(
        capacity: Int, fill: (UnsafeMutableRawBufferPointer) throws(Failure) -> Int
    ) throws(Failure) {
        let capacity = max(0, capacity)
        pages = LockedPages(holding: capacity)
        do {
            let area = UnsafeMutableRawBufferPointer(start: pages.memory, count: capacity)
            self.count = min(max(0, try fill(area)), capacity)
        } catch {
            pages.giveBack()
            throw error
        }
    }

    deinit { pages.giveBack() }

    /// Calls `body` with the bytes, which are valid only during the call. Do not copy them into a `String`.
    public func withUnsafeBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafeRawBufferPointer(start: pages.memory, count: count))
    }

    /// Overwrites `bytes` in a way that the compiler does not remove (`explicit_bzero(3)`).
    public static func wipe(_ bytes: UnsafeMutableRawBufferPointer) {
        if let base = bytes.baseAddress { explicit_bzero(base, bytes.count) }
    }
}

extension SecretBytes: Equatable {
    /// Compares in a time that depends on the lengths alone.
    public static func == (left: SecretBytes, right: SecretBytes) -> Bool {
        guard left.count == right.count else { return false }
        return left.withUnsafeBytes { a in
            right.withUnsafeBytes { b in zip(a, b).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0 }
        }
    }
}

extension SecretBytes: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Always the same text, whatever the secret.
    public var description: String { "<secret>" }
    /// Always the same text, whatever the secret.
    public var debugDescription: String { "<secret>" }
    /// Has no children.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
