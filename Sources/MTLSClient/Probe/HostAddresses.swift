import Glibc
import MTLSCore

/// The addresses of a host, by the system's resolver.
enum HostAddresses {
    /// Blocks the calling thread.
    ///
    /// - Returns: At least one, in the resolver's order.
    /// - Throws: `resolveFailed`.
    static func find(_ host: String) throws(MTLSError) -> [String] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let result = getaddrinfo(host, nil, &hints, &list)
        defer { if let list { freeaddrinfo(list) } }
        var addresses: [String] = []
        var next = list
        while let entry = next?.pointee {
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            if getnameinfo(entry.ai_addr, entry.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0 {
                addresses.append(String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
            }
            next = entry.ai_next
        }
        guard result == 0, !addresses.isEmpty else {
            throw MTLSError(
                .resolveFailed, phase: .resolve, fault: .network,
                "the host \"\(host)\" could not be resolved: \(String(cString: gai_strerror(result)))",
                advice: "check its spelling and the network's name service")
        }
        return addresses
    }
}
