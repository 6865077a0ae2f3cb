import Glibc

/// A port of 127.0.0.1 that nobody else gets while this object is there, and on which a server may listen.
///
/// A socket is bound to it that does not listen: with `SO_REUSEADDR` on both, Linux lets a server bind beside it, and
/// chooses the port for nobody else.
package final class LoopbackPort: Sendable {
    package let number: Int
    private let descriptor: Int32

    package init() throws {
        let holder = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard holder >= 0 else { throw CommandError.system("socket", errno) }
        descriptor = holder
        var yes: Int32 = 1
        setsockopt(holder, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        var address = Self.address(port: 0)
        let result = Self.withSocketAddress(&address) { pointer in
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            return bind(holder, pointer, length) == 0 ? getsockname(holder, pointer, &length) : -1
        }
        number = Int(UInt16(bigEndian: address.sin_port))
        guard result == 0 else { throw CommandError.system("bind", errno) }
    }

    deinit { close(descriptor) }

    /// Whether somebody listens: a connection on the loopback address succeeds or fails at once.
    var accepts: Bool {
        let probe = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        defer { close(probe) }
        var address = Self.address(port: number)
        return Self.withSocketAddress(&address) { connect(probe, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0 }
    }

    private static func address(port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
        return address
    }

    private static func withSocketAddress<Result>(
        _ address: inout sockaddr_in, _ body: (UnsafeMutablePointer<sockaddr>) -> Result
    ) -> Result {
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1, body)
        }
    }
}
