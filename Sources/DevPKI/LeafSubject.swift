internal import GnuTLS

/// Whom a leaf certificate is for.
public struct LeafSubject: Sendable, Hashable {
    /// The common name, for people: no rule matches it.
    public var commonName: String
    /// The DNS names and addresses, as text, of the subject alternative name; without any there is no such extension.
    public var names: [String]
    /// The purposes, as dotted OIDs; without any the certificate is not restricted. Set others to provoke a refusal.
    public var purposes: [String]

    /// A TLS server.
    ///
    /// - Parameters:
    ///   - names: DNS names, with or without a wildcard, and addresses, IPv6 without brackets.
    ///   - commonName: The first name unless given.
    public static func server(names: [String], commonName: String? = nil) -> LeafSubject {
        LeafSubject(
            commonName: commonName ?? names.first ?? "server", names: names, purposes: [KeyPurpose.serverAuth])
    }

    /// A TLS client.
    public static func client(commonName: String) -> LeafSubject {
        LeafSubject(commonName: commonName, names: [], purposes: [KeyPurpose.clientAuth])
    }

    /// The same with other purposes.
    public func with(purposes: [String]) -> LeafSubject {
        var copy = self
        copy.purposes = purposes
        return copy
    }
}
