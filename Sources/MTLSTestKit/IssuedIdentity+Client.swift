public import DevPKI
import GnuTLS
public import MTLSIdentity

extension IssuedIdentity {
    /// The identity for clients, from memory. Clients do not show a certificate that has expired, or is not for clients.
    public func clientIdentity() throws -> Identity {
        .loaded(
            ClientIdentity(
                certifiedKey: try CertifiedKey(chain: chain, key: .software(privateKey)), source: "memory",
                isInToken: false))
    }
}
