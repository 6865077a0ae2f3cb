import CGnuTLS
import Synchronization

/// Gets the secrets of TLS connections, in the form that Wireshark reads (the "NSS key log").
///
/// Whoever has them can decrypt the connections, for ever. It is for the hours in which a fault is looked for.
public final class KeyLog: Sendable {
    /// Who gets the secrets, for people.
    package let destination: String
    private let write: @Sendable (UnsafeRawBufferPointer) -> Void
    private let hasWarned = Atomic(false)

    package init(destination: String, write: @escaping @Sendable (UnsafeRawBufferPointer) -> Void) {
        self.destination = destination
        self.write = write
    }

    /// Gives each line to a closure.
    ///
    /// - Parameter receive: Gets one line with its line feed, as bytes that are wiped when it returns. Called in the
    ///   middle of handshakes, on event loops among other threads: it must not block.
    public convenience init(receive: @escaping @Sendable (_ line: UnsafeRawBufferPointer) -> Void) {
        self.init(destination: "a closure of the program", write: receive)
    }

    /// Whether nobody has asked before: one warning is enough.
    package func takeWarning() -> Bool { !hasWarned.exchange(true, ordering: .relaxed) }

    /// One line: a label, the client's random and the secret, both in hexadecimal.
    fileprivate func log(_ label: UnsafePointer<CChar>, _ random: gnutls_datum_t, _ secret: gnutls_datum_t) {
        let length = strlen(label)
        let line = UnsafeMutableRawBufferPointer.allocate(
            byteCount: length + 2 * Int(random.size + secret.size) + 3, alignment: 1)
        defer {
            gnutls_memset(line.baseAddress, 0, line.count)
            line.deallocate()
        }
        line.copyMemory(from: UnsafeRawBufferPointer(start: label, count: length))
        var end = length
        func append(_ byte: UInt8) {
            line[end] = byte
            end += 1
        }
        for datum in [random, secret] {
            append(UInt8(ascii: " "))
            for byte in UnsafeBufferPointer(start: datum.data, count: Int(datum.size)) {
                for digit in [byte >> 4, byte & 15] {
                    append(digit + (digit < 10 ? UInt8(ascii: "0") : UInt8(ascii: "a") - 10))
                }
            }
        }
        append(UInt8(ascii: "\n"))
        write(UnsafeRawBufferPointer(line))
    }
}

extension KeyLog: Hashable {
    /// Two are equal when they are one.
    public static func == (left: KeyLog, right: KeyLog) -> Bool { left === right }

    /// Hashes the identity.
    public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}

/// Called by GnuTLS for each secret.
func writeKeyLog(
    session handle: gnutls_session_t?, label: UnsafePointer<CChar>?, secret: UnsafePointer<gnutls_datum_t>?
) -> Int32 {
    guard let handle, let label, let secret, let session = TLSSession.of(gnutls_session_get_ptr(handle)) else {
        return 0
    }
    var random = gnutls_datum_t()
    gnutls_session_get_random(handle, &random, nil)
    session.context.options.keyLog?.log(label, random, secret.pointee)
    return 0
}
