public import DevPKI
import GnuTLS
public import MTLSIdentity

extension IssuedIdentity {
    /// The identity for clients, from memory and as it is: what has expired is shown to servers, too.
    public func clientIdentity() throws -> Identity {
        .loaded(
            ClientIdentity(
                certifiedKey: try CertifiedKey(chain: chain, key: .software(privateKey)), source: "memory",
                isInToken: false))
    }
}
