// The Ethereum Virtual Machine: runs a message, that is a call or the creation of a contract, and
// all messages that come of it (Yellow Paper, 8 and 9; the proposals named in revision.hpp).
//
//   World      what it reads and changes            BlockContext         what BLOCKHASH and the
//   like tell Machine    stacks and memories, kept between    TransactionContext   likewise, of a
//   transaction
//
// It doesn't recurse: a contract that calls another one is a frame on a list of at most 1,025, so
// that depth costs no thread stack. A frame's stack begins where its caller's ends, in one region
// that is touched as far as it is used. What a transaction is charged before and after its message
// is for transition.hpp (chain/).
//
// A Machine holds some 32 MiB of address space and what memory the deepest calls took, up to a
// limit. Thread: one at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <kith/base/result.hpp>
#include <kith/ledger/evm/opcode.hpp>
#include <kith/ledger/evm/world.hpp>

namespace kith::ledger {

/// Of code that creates a contract, from Shanghai on (EIP-3860).
inline constexpr std::uint64_t init_code_bytes_max = 49'152;

/// How a message ended. From `out_of_gas` on it is an exceptional halt, which takes all its gas.
enum class Halt : std::uint8_t {
  none,  ///< it goes on
  stop,  ///< STOP, RETURN or SELFDESTRUCT
  revert,
  out_of_gas,
  undefined_instruction,
  invalid_instruction,  ///< 0xfe, which is meant to fail
  stack_underflow,
  stack_overflow,
  bad_jump_destination,
  return_data_out_of_bounds,
  static_violation,  ///< a change within STATICCALL
  call_depth,
  insufficient_balance,
  nonce_overflow,
  address_collision,
  code_size,
  code_prefix,  ///< new code that begins with 0xef (EIP-3541)
  precompile_failure,
  fault,  ///< the world couldn't be read: no result at all
};
/// As geth's tools write them: "out of gas", "execution reverted", ...
std::string_view name_of(Halt halt) noexcept;

struct BlockContext {
  std::uint64_t number = 0;
  std::uint64_t timestamp = 0;
  std::uint64_t gas_limit = 0;
  Address coinbase;
  /// The difficulty before Paris, afterwards the randomness of consensus (EIP-4399).
  U256 prev_randao;
  U256 base_fee;
  U256 blob_base_fee;
  U256 chain_id = 1;
  /// Who gets what others burn, the base fees of gas and blobs, on chains that are made so
  /// (Gnosis).
  std::optional<Address> fee_collector;
  /// Of one of the 256 blocks before this one.
  std::function<Result<Hash>(std::uint64_t number)> block_hash;
};

struct TransactionContext {
  Address origin;
  U256 gas_price;
  std::vector<Hash> blob_hashes;
};

struct Message {
  enum class Kind : std::uint8_t { call, call_code, delegate_call, create, create2 };

  Kind kind = Kind::call;
  bool is_static = false;
  bool is_delegated = false;  ///< the code is another account's by EIP-7702
  std::int64_t gas = 0;
  Address sender;
  Address recipient;  ///< whose storage and balance; of a creation found by the machine
  Address code_from;  ///< whose code
  U256 value;         ///< of a delegate call: what CALLVALUE tells
  ByteView input;     ///< of a creation: the code that makes the code
  U256 salt;

  bool is_creation() const noexcept { return kind >= Kind::create; }
};

struct Outcome {
  Halt halt = Halt::none;
  std::int64_t gas_left = 0;
  Bytes output;
  std::optional<Address> created;

  bool succeeded() const noexcept { return halt == Halt::stop; }
};

/// The address of a contract that an account creates (Yellow Paper, 7).
Address created_address(const Address& creator, std::uint64_t nonce);
/// The same by CREATE2 (EIP-1014).
Address created_address(const Address& creator, const U256& salt, ByteView init_code);

namespace detail {
struct Frame;
class Interpreter;
}  // namespace detail

class Tracer;
struct Precompile;

class Machine {
 public:
  /// The world outlives the machine.
  explicit Machine(World& world);
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  /// What follows is told to it; null: nobody is told, which costs nothing.
  void set_tracer(Tracer* tracer) noexcept { tracer_ = tracer; }

  /// Precompiled contracts elsewhere than they are, for what-if calls: at an address of the table
  /// runs that one, or none if it is null. The table outlives the machine; null: there is none.
  void set_precompiles(const std::map<Address, const Precompile*>* moved) noexcept {
    moved_ = moved;
  }

  /// Runs a message of a transaction. The gas is the message's alone; the caller has charged what
  /// the transaction costs before. If the world's reader fails, it ends with Halt::fault, and
  /// World::fault() says why. The refund is the world's.
  Outcome execute(const BlockContext& block, const TransactionContext& transaction,
                  const Message& message);

 private:
  friend class detail::Interpreter;

  struct Result {
    Halt halt;
    std::int64_t gas_left;
    ByteView output;
    Address created;
  };

  /// Either a new frame, or what came of it at once.
  std::optional<Result> begin(const Message& message);
  std::optional<Result> begin_creation(const Message& message);
  std::optional<Result> begin_call(const Message& message);
  const Precompile* precompile(const Address& address) const;
  Result run_precompile(const Precompile& contract, const Message& message,
                        const World::Checkpoint& checkpoint);
  detail::Frame& push_frame(const Message& message, const World::Checkpoint& checkpoint);
  Result end_frame(Halt halt);
  Result end_creation(detail::Frame& frame);
  void deliver(const Result& result);

  World& world_;
  Tracer* tracer_ = nullptr;
  const std::map<Address, const Precompile*>* moved_ = nullptr;
  const BlockContext* block_ = nullptr;
  const TransactionContext* transaction_ = nullptr;
  struct Free {
    void operator()(U256* items) const noexcept;
  };

  std::unique_ptr<U256, Free> stack_;
  std::vector<std::unique_ptr<detail::Frame>> frames_;
  std::size_t depth_ = 0;  ///< frames in use
  Message pending_;        ///< what the top frame wants to be run
  Bytes precompile_output_;
};

}  // namespace kith::ledger
