import CP11Kit

/// A `CK_RV`.
package struct ReturnCode: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt
    package init(rawValue: UInt) { self.rawValue = rawValue }

    static let ok = ReturnCode(rawValue: CKR_OK)
}

extension ReturnCode: CustomStringConvertible {
    /// The name as PKCS#11 writes it and the number, such as `CKR_DEVICE_ERROR (0x30)`.
    package var description: String { "\(name) (0x\(String(rawValue, radix: 16)))" }

    /// The name as PKCS#11 writes it.
    package var name: String {
        if let name = Self.names[rawValue] { return name }
        return rawValue >= Self.vendorDefined ? "CKR_VENDOR_DEFINED" : "unknown return code"
    }

    private static let vendorDefined: UInt = 0x8000_0000

    private static let names: [UInt: String] = [
        0x0: "CKR_OK", 0x1: "CKR_CANCEL", 0x2: "CKR_HOST_MEMORY", 0x3: "CKR_SLOT_ID_INVALID",
        0x5: "CKR_GENERAL_ERROR", 0x6: "CKR_FUNCTION_FAILED", 0x7: "CKR_ARGUMENTS_BAD", 0x8: "CKR_NO_EVENT",
        0x9: "CKR_NEED_TO_CREATE_THREADS", 0xA: "CKR_CANT_LOCK", 0x10: "CKR_ATTRIBUTE_READ_ONLY",
        0x11: "CKR_ATTRIBUTE_SENSITIVE", 0x12: "CKR_ATTRIBUTE_TYPE_INVALID", 0x13: "CKR_ATTRIBUTE_VALUE_INVALID",
        0x1B: "CKR_ACTION_PROHIBITED", 0x20: "CKR_DATA_INVALID", 0x21: "CKR_DATA_LEN_RANGE",
        0x30: "CKR_DEVICE_ERROR", 0x31: "CKR_DEVICE_MEMORY", 0x32: "CKR_DEVICE_REMOVED",
        0x40: "CKR_ENCRYPTED_DATA_INVALID", 0x41: "CKR_ENCRYPTED_DATA_LEN_RANGE", 0x50: "CKR_FUNCTION_CANCELED",
        0x51: "CKR_FUNCTION_NOT_PARALLEL", 0x54: "CKR_FUNCTION_NOT_SUPPORTED", 0x60: "CKR_KEY_HANDLE_INVALID",
        0x62: "CKR_KEY_SIZE_RANGE", 0x63: "CKR_KEY_TYPE_INCONSISTENT", 0x64: "CKR_KEY_NOT_NEEDED",
        0x65: "CKR_KEY_CHANGED", 0x66: "CKR_KEY_NEEDED", 0x67: "CKR_KEY_INDIGESTIBLE",
        0x68: "CKR_KEY_FUNCTION_NOT_PERMITTED", 0x69: "CKR_KEY_NOT_WRAPPABLE", 0x6A: "CKR_KEY_UNEXTRACTABLE",
        0x70: "CKR_MECHANISM_INVALID", 0x71: "CKR_MECHANISM_PARAM_INVALID", 0x82: "CKR_OBJECT_HANDLE_INVALID",
        0x90: "CKR_OPERATION_ACTIVE", 0x91: "CKR_OPERATION_NOT_INITIALIZED", 0xA0: "CKR_PIN_INCORRECT",
        0xA1: "CKR_PIN_INVALID", 0xA2: "CKR_PIN_LEN_RANGE", 0xA3: "CKR_PIN_EXPIRED", 0xA4: "CKR_PIN_LOCKED",
        0xB0: "CKR_SESSION_CLOSED", 0xB1: "CKR_SESSION_COUNT", 0xB3: "CKR_SESSION_HANDLE_INVALID",
        0xB4: "CKR_SESSION_PARALLEL_NOT_SUPPORTED", 0xB5: "CKR_SESSION_READ_ONLY", 0xB6: "CKR_SESSION_EXISTS",
        0xB7: "CKR_SESSION_READ_ONLY_EXISTS", 0xB8: "CKR_SESSION_READ_WRITE_SO_EXISTS",
        0xC0: "CKR_SIGNATURE_INVALID", 0xC1: "CKR_SIGNATURE_LEN_RANGE", 0xD0: "CKR_TEMPLATE_INCOMPLETE",
        0xD1: "CKR_TEMPLATE_INCONSISTENT", 0xE0: "CKR_TOKEN_NOT_PRESENT", 0xE1: "CKR_TOKEN_NOT_RECOGNIZED",
        0xE2: "CKR_TOKEN_WRITE_PROTECTED", 0x100: "CKR_USER_ALREADY_LOGGED_IN", 0x101: "CKR_USER_NOT_LOGGED_IN",
        0x102: "CKR_USER_PIN_NOT_INITIALIZED", 0x103: "CKR_USER_TYPE_INVALID",
        0x104: "CKR_USER_ANOTHER_ALREADY_LOGGED_IN", 0x105: "CKR_USER_TOO_MANY_TYPES",
        0x130: "CKR_DOMAIN_PARAMS_INVALID", 0x140: "CKR_CURVE_NOT_SUPPORTED", 0x150: "CKR_BUFFER_TOO_SMALL",
        0x190: "CKR_CRYPTOKI_NOT_INITIALIZED", 0x191: "CKR_CRYPTOKI_ALREADY_INITIALIZED", 0x1A0: "CKR_MUTEX_BAD",
        0x1A1: "CKR_MUTEX_NOT_LOCKED", 0x1C1: "CKR_FIPS_SELF_TEST_FAILED", 0x1C2: "CKR_LIBRARY_LOAD_FAILED",
        0x1C3: "CKR_PIN_TOO_WEAK", 0x1C4: "CKR_PUBLIC_KEY_INVALID", 0x200: "CKR_FUNCTION_REJECTED",
    ]
}

extension ReturnCode {
    /// What may help after an operation returned this code.
    enum Remedy {
        /// The sessions are lost: open new ones, having found the token again.
        case reopen
        /// The handle of the key is stale: find the key again.
        case refind
        /// Log in.
        case logIn
        /// Nothing. The session is as good as before.
        case none
        /// Nothing, and nobody knows in what state the session is: close it.
        case closeSession
    }

    var remedy: Remedy {
        switch rawValue {
        case CKR_SESSION_HANDLE_INVALID, CKR_SESSION_CLOSED, CKR_DEVICE_REMOVED, CKR_DEVICE_ERROR, CKR_DEVICE_MEMORY,
            CKR_TOKEN_NOT_PRESENT, CKR_CRYPTOKI_NOT_INITIALIZED, CKR_SLOT_ID_INVALID:
            .reopen
        case CKR_KEY_HANDLE_INVALID, CKR_OBJECT_HANDLE_INVALID: .refind
        case CKR_USER_NOT_LOGGED_IN: .logIn
        case CKR_PIN_INCORRECT, CKR_PIN_INVALID, CKR_PIN_LEN_RANGE, CKR_PIN_EXPIRED, CKR_PIN_LOCKED,
            CKR_CANCEL, CKR_FUNCTION_CANCELED, CKR_FUNCTION_REJECTED, CKR_MECHANISM_INVALID,
            CKR_MECHANISM_PARAM_INVALID, CKR_SESSION_COUNT:
            .none
        default: .closeSession
        }
    }

    /// What a session is worth after an operation in it returned this code; nil: as much as before.
    var sessionCondition: Session.Condition? {
        switch (remedy, rawValue) {
        case (.closeSession, _), (_, CKR_DEVICE_ERROR), (_, CKR_DEVICE_MEMORY): .unknown
        case (.reopen, _): .gone
        default: nil
        }
    }

    /// Whether the token judged the PIN and would judge it so again.
    var refusesPIN: Bool {
        switch rawValue {
        case CKR_PIN_INCORRECT, CKR_PIN_INVALID, CKR_PIN_LEN_RANGE, CKR_PIN_EXPIRED, CKR_PIN_LOCKED: true
        default: false
        }
    }

    var kind: PKCS11Error.Kind {
        switch rawValue {
        case CKR_PIN_INCORRECT, CKR_PIN_INVALID, CKR_PIN_LEN_RANGE: .pinIncorrect
        case CKR_PIN_LOCKED: .pinLocked
        case CKR_TOKEN_NOT_PRESENT, CKR_DEVICE_REMOVED: .removed
        case CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, CKR_KEY_TYPE_INCONSISTENT,
            CKR_KEY_FUNCTION_NOT_PERMITTED:
            .mechanismMissing
        case CKR_CANCEL, CKR_FUNCTION_CANCELED, CKR_FUNCTION_REJECTED: .cancelled
        default: .failed
        }
    }

    var advice: String? {
        switch rawValue {
        case CKR_PIN_INCORRECT, CKR_PIN_INVALID, CKR_PIN_LEN_RANGE: "supply another PIN: this one is not tried again"
        case CKR_PIN_LOCKED: "unlock the PIN with the token's own tools (SO PIN or PUK)"
        case CKR_PIN_EXPIRED: "change the PIN with the token's own tools"
        case CKR_TOKEN_NOT_PRESENT, CKR_DEVICE_REMOVED: "put the token back"
        case CKR_SESSION_COUNT: "other programs hold all of the token's sessions: end some of them"
        case CKR_FUNCTION_REJECTED, CKR_FUNCTION_CANCELED, CKR_CANCEL: "the token's owner declined, or did not answer"
        default: nil
        }
    }
}
