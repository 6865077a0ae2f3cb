import CP11Kit

/// The functions of one module.
final class Cryptoki: @unchecked Sendable {  // safe: the list is constant once a module is loaded
    typealias Functions = CK_FUNCTION_LIST

    private let list: UnsafeMutablePointer<CK_FUNCTION_LIST>
    /// Held during each call, where the module cannot lock.
    private let serial: Monitor?
    let gate = CallGate()

    init(_ list: UnsafeMutablePointer<CK_FUNCTION_LIST>, serial: Monitor? = nil) {
        self.list = list
        self.serial = serial
    }

    /// Calls a function. One that the module lacks returns `CKR_FUNCTION_NOT_SUPPORTED`; each returns
    /// `CKR_CRYPTOKI_NOT_INITIALIZED` as long as the gate is closed.
    func result<Function>(
        _ function: (Functions) -> Function?, _ body: (Function) -> CK_RV
    ) -> ReturnCode {
        // Before the list is looked at: p11-kit frees it when the module is finalized.
        guard gate.enter() else { return ReturnCode(rawValue: CKR_CRYPTOKI_NOT_INITIALIZED) }
        defer { gate.leave() }
        guard let function = function(list.pointee) else {
            return ReturnCode(rawValue: CKR_FUNCTION_NOT_SUPPORTED)
        }
        serial?.lock()
        defer { serial?.unlock() }
        return ReturnCode(rawValue: body(function))
    }

    /// Calls a function, and throws unless it returns `CKR_OK`.
    func call<Function>(
        _ name: String, _ function: (Functions) -> Function?, _ body: (Function) -> CK_RV
    ) throws(PKCS11Error) {
        let code = result(function, body)
        guard code == .ok else { throw PKCS11Error(name, code) }
    }
}

extension Cryptoki {
    /// The present slots, with a token or, if not `withToken`, without.
    func slots(withToken: Bool) throws(PKCS11Error) -> [CK_SLOT_ID] {
        let present: CK_BBOOL = withToken ? 1 : 0
        return try list("C_GetSlotList") { slots, count in
            self.result(\.C_GetSlotList) { $0(present, slots, count) }
        }
    }

    func mechanisms(of slot: CK_SLOT_ID) throws(PKCS11Error) -> [CK_MECHANISM_TYPE] {
        try list("C_GetMechanismList") { mechanisms, count in
            self.result(\.C_GetMechanismList) { $0(slot, mechanisms, count) }
        }
    }

    /// Asks for the length of a list and then for the list, again if it has grown in between.
    private func list(
        _ name: String, _ ask: (UnsafeMutablePointer<UInt>?, UnsafeMutablePointer<UInt>) -> ReturnCode
    ) throws(PKCS11Error) -> [UInt] {
        for _ in 0..<4 {
            var count: UInt = 0
            let length = ask(nil, &count)
            guard length == .ok else { throw PKCS11Error(name, length) }
            guard count <= 65_536 else { throw PKCS11Error(.failed, "\(name): a list of \(count) entries") }
            var entries = [UInt](repeating: 0, count: Int(count))
            let code = entries.withUnsafeMutableBufferPointer { ask($0.baseAddress, &count) }
            if code.rawValue == CKR_BUFFER_TOO_SMALL { continue }
            guard code == .ok else { throw PKCS11Error(name, code) }
            return Array(entries.prefix(Int(min(count, UInt(entries.count)))))
        }
        throw PKCS11Error(.failed, "\(name): the list keeps growing")
    }

    func moduleInfo() throws(PKCS11Error) -> ModuleInfo {
        var info = CK_INFO()
        try call("C_GetInfo", \.C_GetInfo) { $0(&info) }
        return ModuleInfo(info)
    }

    func slotInfo(_ slot: CK_SLOT_ID) throws(PKCS11Error) -> SlotInfo {
        var info = CK_SLOT_INFO()
        try call("C_GetSlotInfo", \.C_GetSlotInfo) { $0(slot, &info) }
        return SlotInfo(slot, info)
    }

    func tokenInfo(_ slot: CK_SLOT_ID) throws(PKCS11Error) -> TokenInfo {
        var info = CK_TOKEN_INFO()
        try call("C_GetTokenInfo", \.C_GetTokenInfo) { $0(slot, &info) }
        return TokenInfo(info)
    }
}
