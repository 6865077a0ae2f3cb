import CP11Kit
import SecretMemory

/// One PKCS#11 session. One thread uses it at a time.
final class Session {
    let cryptoki: Cryptoki
    let slot: CK_SLOT_ID
    /// Which of the token's lives the session belongs to: see ``SessionPool``.
    let generation: Int
    private let handle: CK_SESSION_HANDLE
    var condition = Condition.good
    let opened = ContinuousClock.now
    /// How often it was lent.
    var uses = 0
    /// When it was last given back.
    var idleSince = ContinuousClock.now

    enum Condition {
        case good
        /// Nobody knows in what state the session is: it is to be closed.
        case unknown
        /// The module has forgotten the session: its number may be another session's now, so it is not to be closed.
        case gone
    }

    init(
        _ cryptoki: Cryptoki, slot: CK_SLOT_ID, generation: Int, writable: Bool = false
    ) throws(PKCS11Error) {
        let flags = CKF_SERIAL_SESSION | (writable ? CKF_RW_SESSION : 0)
        var handle: CK_SESSION_HANDLE = 0
        try cryptoki.call("C_OpenSession", \.C_OpenSession) { $0(slot, flags, nil, nil, &handle) }
        self.cryptoki = cryptoki
        self.slot = slot
        self.generation = generation
        self.handle = handle
    }

    func close() { _ = cryptoki.result(\.C_CloseSession) { $0(handle) } }

    /// Logs in with a PIN or, without one, by the token's own PIN pad.
    func logIn(_ user: CK_USER_TYPE, _ pin: SecretBytes?) -> ReturnCode {
        cryptoki.result(\.C_Login) { login in
            guard let pin else { return login(handle, user, nil, 0) }
            return pin.withPIN { login(handle, user, $0, $1) }
        }
    }

    /// Whether the token says that nobody is logged in any more.
    var hasLostLogin: Bool {
        var info = CK_SESSION_INFO()
        guard cryptoki.result(\.C_GetSessionInfo, { $0(handle, &info) }) == .ok else { return false }
        return info.state == CKS_RO_PUBLIC_SESSION || info.state == CKS_RW_PUBLIC_SESSION
    }

    func logOut() { _ = cryptoki.result(\.C_Logout) { $0(handle) } }

    func call<Function>(
        _ name: String, _ function: (Cryptoki.Functions) -> Function?,
        _ body: (Function, CK_SESSION_HANDLE) -> CK_RV
    ) throws(PKCS11Error) {
        try cryptoki.call(name, function) { body($0, handle) }
    }
}

extension Session {
    /// A signature takes no more than this: RSA with 8192 bits.
    private static let longestSignature = 1024

    func beginSignature(_ mechanism: SigningMechanism, key: CK_OBJECT_HANDLE) throws(PKCS11Error) {
        try call("C_SignInit", \.C_SignInit) { sign, session in mechanism.withMechanism { sign(session, $0, key) } }
    }

    /// Signs in one call: asking for the length first costs a round trip, and proxies lose the operation over it.
    func finishSignature(_ data: [UInt8]) throws(PKCS11Error) -> [UInt8] {
        var data = data
        var length = UInt(Self.longestSignature)
        var signature = [UInt8](repeating: 0, count: Self.longestSignature)
        do throws(PKCS11Error) {
            try call("C_Sign", \.C_Sign) { $0($1, &data, UInt(data.count), &signature, &length) }
        } catch {
            condition = .unknown
            throw error
        }
        guard length > 0, length <= UInt(signature.count) else {
            condition = .unknown
            throw PKCS11Error(.failed, "C_Sign: a signature of \(length) bytes", function: "C_Sign")
        }
        signature.removeLast(signature.count - Int(length))
        return signature
    }

    func verify(
        _ signature: [UInt8], of data: [UInt8], _ mechanism: SigningMechanism, key: CK_OBJECT_HANDLE
    ) throws(PKCS11Error) {
        var (data, signature) = (data, signature)
        try call("C_VerifyInit", \.C_VerifyInit) { verify, session in
            mechanism.withMechanism { verify(session, $0, key) }
        }
        try call("C_Verify", \.C_Verify) { $0($1, &data, UInt(data.count), &signature, UInt(signature.count)) }
    }
}

extension Session {
    /// No token holds so many objects of one kind; one that says so is broken.
    private static let mostObjects = 10_000

    /// The objects that have all of `attributes`.
    func find(_ attributes: [Attribute]) throws(PKCS11Error) -> [CK_OBJECT_HANDLE] {
        try call("C_FindObjectsInit", \.C_FindObjectsInit) { find, session in
            attributes.withTemplate { find(session, $0, $1) }
        }
        var found: [CK_OBJECT_HANDLE] = []
        do throws(PKCS11Error) {
            var batch = [CK_OBJECT_HANDLE](repeating: 0, count: 64)
            var count: UInt = 0
            repeat {
                try call("C_FindObjects", \.C_FindObjects) { $0($1, &batch, UInt(batch.count), &count) }
                found += batch.prefix(Int(clamping: count))
            } while count > 0 && found.count < Self.mostObjects
            try call("C_FindObjectsFinal", \.C_FindObjectsFinal) { $0($1) }
            return found
        } catch {
            // The search may be pending.
            condition = .unknown
            throw error
        }
    }

    /// A value longer than this is not an attribute that we ask for. `CK_UNAVAILABLE_INFORMATION` is longer, too.
    private static let longestValue: UInt = 1 << 20

    /// The value of one attribute, nil where the object has none or does not show it.
    ///
    /// Attributes are read one by one, because modules disagree on what is filled in when one of several fails.
    func attribute(_ type: CK_ATTRIBUTE_TYPE, of object: CK_OBJECT_HANDLE) throws(PKCS11Error) -> [UInt8]? {
        var entry = CK_ATTRIBUTE(type: type, pValue: nil, ulValueLen: 0)
        guard try isComplete(read(&entry, of: object)), entry.ulValueLen <= Self.longestValue else { return nil }
        var value = [UInt8](repeating: 0, count: Int(entry.ulValueLen))
        if value.isEmpty { return value }
        let code = value.withUnsafeMutableBytes { bytes in
            entry.pValue = bytes.baseAddress
            return read(&entry, of: object)
        }
        guard try isComplete(code), entry.ulValueLen <= UInt(value.count) else { return nil }
        value.removeLast(value.count - Int(entry.ulValueLen))
        return value
    }

    /// What fits is read at once: most of what a key has. SoftHSM reads two files for each call.
    private static let usualLength = 1024

    /// The values of several attributes, as ``attribute(_:of:)`` gives them: in one call where the object has all of them
    /// and none is long.
    func attributes(_ types: [CK_ATTRIBUTE_TYPE], of object: CK_OBJECT_HANDLE) throws(PKCS11Error) -> [[UInt8]?] {
        if let values = try valuesAtOnce(types, of: object) { return values }
        var values: [[UInt8]?] = []
        for type in types { values.append(try attribute(type, of: object)) }
        return values
    }

    /// Nil where asking for one after the other may tell more.
    private func valuesAtOnce(
        _ types: [CK_ATTRIBUTE_TYPE], of object: CK_OBJECT_HANDLE
    ) throws(PKCS11Error) -> [[UInt8]]? {
        var room = [UInt8](repeating: 0, count: Self.usualLength * types.count)
        let (code, lengths) = room.withUnsafeMutableBytes { bytes in
            var entries = types.enumerated().map { index, type in
                CK_ATTRIBUTE(
                    type: type, pValue: bytes.baseAddress.map { $0 + index * Self.usualLength },
                    ulValueLen: UInt(Self.usualLength))
            }
            let code = cryptoki.result(\.C_GetAttributeValue) { $0(handle, object, &entries, UInt(entries.count)) }
            return (code, entries.map(\.ulValueLen))
        }
        if code != .ok, code.remedy != .closeSession { throw PKCS11Error("C_GetAttributeValue", code) }
        guard code == .ok, lengths.allSatisfy({ $0 <= UInt(Self.usualLength) }) else { return nil }
        return lengths.enumerated().map { index, length in
            Array(room[(index * Self.usualLength)...].prefix(Int(length)))
        }
    }

    private func read(_ entry: inout CK_ATTRIBUTE, of object: CK_OBJECT_HANDLE) -> ReturnCode {
        cryptoki.result(\.C_GetAttributeValue) { $0(handle, object, &entry, 1) }
    }

    private func isComplete(_ code: ReturnCode) throws(PKCS11Error) -> Bool {
        switch code.rawValue {
        case CKR_OK: return true
        case CKR_ATTRIBUTE_SENSITIVE, CKR_ATTRIBUTE_TYPE_INVALID, CKR_BUFFER_TOO_SMALL: return false
        default: throw PKCS11Error("C_GetAttributeValue", code)
        }
    }

}
