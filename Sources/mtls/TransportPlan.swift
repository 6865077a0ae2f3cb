import Glibc
import MTLSClient

/// What the options say of the connections beneath TLS and proxies.
struct TransportPlan {
    let unixSocket: String?
    let tcp: TCPOptions

    /// - Parameter interface: The addresses of a network interface.
    init(_ options: TransportOptions, interface: (String) -> [IPAddress] = Self.addresses) throws(UsageError) {
        unixSocket = options.unixSocket
        if let path = options.unixSocket, path.isEmpty { throw UsageError("--unix-socket needs a path") }
        var tcp = TCPOptions()
        if let name = options.interface {
            tcp.localAddresses = IPAddress(name).map { [$0] } ?? interface(name)
            if tcp.localAddresses.isEmpty {
                throw UsageError("--interface: '\(name)' is neither an address nor an interface that has one")
            }
        }
        if options.noKeepalive { tcp.keepAlive = nil }
        if let text = options.keepaliveTime {
            let time = try ConnectionPlan.seconds(text, "--keepalive-time")
            tcp.keepAlive?.idle = time
            tcp.keepAlive?.interval = time
        }
        if let text = options.keepaliveCnt {
            guard let count = Int(text), count > 0 else {
                throw UsageError("--keepalive-cnt takes a number above zero, not '\(text)'")
            }
            tcp.keepAlive?.count = count
        }
        self.tcp = tcp
    }

    private static func addresses(ofInterface name: String) -> [IPAddress] {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return [] }
        defer { freeifaddrs(list) }
        var addresses: [IPAddress] = []
        var entry = list
        while let current = entry?.pointee {
            entry = current.ifa_next
            guard String(cString: current.ifa_name) == name, let address = UnsafeRawPointer(current.ifa_addr) else {
                continue
            }
            switch Int32(current.ifa_addr.pointee.sa_family) {
            case AF_INET:
                withUnsafeBytes(of: address.loadUnaligned(as: sockaddr_in.self).sin_addr) { bytes in
                    if let address = IPAddress(bytes: bytes) { addresses.append(address) }
                }
            case AF_INET6:
                let inet6 = address.loadUnaligned(as: sockaddr_in6.self)
                // One of the link alone would need its zone.
                guard inet6.sin6_scope_id == 0 else { continue }
                withUnsafeBytes(of: inet6.sin6_addr) { bytes in
                    if let address = IPAddress(bytes: bytes) { addresses.append(address) }
                }
            default: continue
            }
        }
        return addresses
    }
}
