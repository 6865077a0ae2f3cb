import CP11Kit

/// The functions that finding and signing call, and what PKCS#11 2.40 §5.4 to §5.13 lets each of them return, with two
/// codes that no function may return and some do.
enum FaultTable {
    /// In what state the library is when the fault comes.
    enum State: Sendable, Hashable {
        /// The module is not loaded yet.
        case new
        /// No session is open, and nobody is logged in.
        case cold
        /// Something was signed before.
        case warm
        /// The token has just been lost.
        case lost
        /// The module has just forgotten that it was initialised.
        case forgotten
        /// As cold, with a key that wants the PIN for each signature.
        case guarded
    }

    struct Row: Sendable, CustomStringConvertible {
        let function: String
        let codes: [UInt]
        /// For each state, the numbers of the calls that fail.
        let calls: [(state: State, numbers: [Int])]

        var description: String { function }

        var cells: [Cell] {
            codes.flatMap { code in
                calls.flatMap { state, numbers in
                    numbers.map { Cell(function: function, code: code, state: state, call: $0, times: 1) }
                        + [Cell(function: function, code: code, state: state, call: 1, times: 1_000_000)]
                }
            }
        }
    }

    struct Cell: Sendable, CustomStringConvertible {
        let function: String
        let code: UInt
        let state: State
        let call: Int
        let times: Int

        /// `CKA_ID` of the key that signs.
        var keyID: [UInt8] { state == .guarded ? [2] : [1] }

        var description: String {
            "\(function) 0x\(String(code, radix: 16)) \(state) \(times == 1 ? "\(call)" : "always")"
        }
    }

    private static let anywhere = [
        CKR_HOST_MEMORY, CKR_GENERAL_ERROR, CKR_FUNCTION_FAILED, CKR_FUNCTION_NOT_SUPPORTED, 0x8000_0001,
    ]
    private static let initialized = anywhere + [CKR_CRYPTOKI_NOT_INITIALIZED]
    private static let device = initialized + [CKR_DEVICE_ERROR, CKR_DEVICE_MEMORY, CKR_DEVICE_REMOVED]
    private static let slot =
        device + [CKR_ARGUMENTS_BAD, CKR_SLOT_ID_INVALID, CKR_TOKEN_NOT_PRESENT, CKR_TOKEN_NOT_RECOGNIZED]
    private static let session = device + [CKR_SESSION_CLOSED, CKR_SESSION_HANDLE_INVALID]
    static let pinRefusals = [CKR_PIN_INCORRECT, CKR_PIN_INVALID, CKR_PIN_LEN_RANGE, CKR_PIN_EXPIRED, CKR_PIN_LOCKED]

    static let rows = [
        Row(
            function: "C_Initialize",
            codes: anywhere + [
                CKR_ARGUMENTS_BAD, CKR_CANT_LOCK, CKR_CRYPTOKI_ALREADY_INITIALIZED, CKR_NEED_TO_CREATE_THREADS,
            ], calls: [(.new, [1]), (.forgotten, [1, 2])]),
        Row(
            function: "C_GetInfo", codes: initialized + [CKR_ARGUMENTS_BAD],
            calls: [(.new, [1])]),
        Row(
            function: "C_GetSlotList", codes: initialized + [CKR_ARGUMENTS_BAD, CKR_BUFFER_TOO_SMALL],
            calls: [(.new, [1, 2]), (.lost, [1, 2, 5])]),
        Row(
            function: "C_GetSlotInfo",
            codes: initialized + [CKR_ARGUMENTS_BAD, CKR_DEVICE_ERROR, CKR_SLOT_ID_INVALID],
            calls: [(.new, [1]), (.lost, [1, 2, 3])]),
        Row(function: "C_GetTokenInfo", codes: slot, calls: [(.new, [1, 2]), (.lost, [1, 2, 5])]),
        Row(function: "C_GetMechanismList", codes: slot + [CKR_BUFFER_TOO_SMALL], calls: [(.new, [1, 2])]),
        Row(function: "C_GetMechanismInfo", codes: slot + [CKR_MECHANISM_INVALID], calls: [(.new, [1, 2, 9])]),
        Row(
            function: "C_OpenSession",
            codes: slot + [
                CKR_SESSION_COUNT, CKR_SESSION_PARALLEL_NOT_SUPPORTED, CKR_SESSION_READ_WRITE_SO_EXISTS,
                CKR_TOKEN_WRITE_PROTECTED,
            ], calls: [(.cold, [1, 2, 5]), (.lost, [1, 2])]),
        Row(function: "C_CloseSession", codes: session, calls: [(.cold, [1, 2]), (.lost, [1, 2, 5])]),
        Row(
            function: "C_Login",
            codes: session + pinRefusals + [
                CKR_ARGUMENTS_BAD, CKR_FUNCTION_CANCELED, CKR_OPERATION_NOT_INITIALIZED, CKR_SESSION_READ_ONLY_EXISTS,
                CKR_USER_ALREADY_LOGGED_IN, CKR_USER_ANOTHER_ALREADY_LOGGED_IN, CKR_USER_PIN_NOT_INITIALIZED,
                CKR_USER_TOO_MANY_TYPES, CKR_USER_TYPE_INVALID,
            ], calls: [(.cold, [1, 2, 4]), (.lost, [1]), (.guarded, [2, 4])]),
        Row(
            function: "C_FindObjectsInit",
            codes: session + [
                CKR_ARGUMENTS_BAD, CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_VALUE_INVALID, CKR_OPERATION_ACTIVE,
                CKR_PIN_EXPIRED,
            ], calls: [(.cold, [1, 2, 4]), (.lost, [1])]),
        Row(
            function: "C_FindObjects", codes: session + [CKR_ARGUMENTS_BAD, CKR_OPERATION_NOT_INITIALIZED],
            calls: [(.cold, [1, 2, 4]), (.lost, [1])]),
        Row(
            function: "C_FindObjectsFinal", codes: session + [CKR_OPERATION_NOT_INITIALIZED, CKR_FUNCTION_CANCELED],
            calls: [(.cold, [1, 2, 4]), (.lost, [1])]),
        Row(
            function: "C_GetAttributeValue",
            codes: session + [
                CKR_ARGUMENTS_BAD, CKR_ATTRIBUTE_SENSITIVE, CKR_ATTRIBUTE_TYPE_INVALID, CKR_BUFFER_TOO_SMALL,
                CKR_OBJECT_HANDLE_INVALID,
            ], calls: [(.cold, [1, 2, 9]), (.lost, [1])]),
        Row(
            function: "C_SignInit",
            codes: session + [
                CKR_ARGUMENTS_BAD, CKR_FUNCTION_CANCELED, CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_HANDLE_INVALID,
                CKR_KEY_SIZE_RANGE, CKR_KEY_TYPE_INCONSISTENT, CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID,
                CKR_OPERATION_ACTIVE, CKR_PIN_EXPIRED, CKR_USER_NOT_LOGGED_IN,
            ], calls: [(.cold, [1, 2]), (.warm, [1, 2, 5]), (.guarded, [1, 2])]),
        Row(
            function: "C_Sign",
            codes: session + [
                CKR_ARGUMENTS_BAD, CKR_BUFFER_TOO_SMALL, CKR_DATA_INVALID, CKR_DATA_LEN_RANGE, CKR_FUNCTION_CANCELED,
                CKR_FUNCTION_REJECTED, CKR_OPERATION_NOT_INITIALIZED, CKR_USER_NOT_LOGGED_IN,
            ], calls: [(.cold, [1, 2]), (.warm, [1, 2, 5]), (.guarded, [1, 2])]),
    ]
}
