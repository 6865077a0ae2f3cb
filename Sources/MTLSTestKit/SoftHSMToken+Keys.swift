import MTLSCore
import MTLSIdentity
import PKCS11

extension SoftHSMToken {
    /// What the token says of a private key.
    public struct KeyDescription: Sendable {
        /// Whether the key was generated in the token (`CKA_LOCAL`); nil where the token does not say, likewise below.
        public let isLocal: Bool?
        /// Whether its value is kept secret (`CKA_SENSITIVE`).
        public let isSensitive: Bool?
        /// Whether it can be wrapped and taken out (`CKA_EXTRACTABLE`).
        public let isExtractable: Bool?
        /// Whether it never could be (`CKA_NEVER_EXTRACTABLE`).
        public let wasNeverExtractable: Bool?
        /// Whether the token gave the private value away when it was asked for it.
        public let revealsItsValue: Bool
    }

    /// Asks the token about the private key with a label.
    public func describeKey(object: String) async throws -> KeyDescription {
        let uri = try PKCS11URI(uri(object: object))
        let key = TokenKey(token, .uri(uri), pin: KnownPIN(SoftHSMStore.pin))
        do {
            return try await token.lane.run { () throws(PKCS11Error) in
                let info = try key.keyInfo()
                return KeyDescription(
                    isLocal: info.isLocal, isSensitive: info.isSensitive, isExtractable: info.isExtractable,
                    wasNeverExtractable: info.wasNeverExtractable, revealsItsValue: try key.revealsItsValue())
            }
        } catch {
            throw MTLSError.token(error, phase: .prepare)
        }
    }
}
