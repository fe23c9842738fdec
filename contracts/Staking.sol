// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Ed25519} from "./Ed25519.sol";

/// Who validates a chain of kith's bft consensus, with what stake, and who loses it.
///
/// It is there from the genesis on (at 0x57a4e), with its parameters and first validators in its storage: nobody deploys it,
/// owns it or can change it. An operator is an account; it names one Ed25519 key, for ever, and stakes coins on what that
/// key signs. validators() is who votes: whoever runs the chain asks it after an epoch's last block for the next epoch.
///
///   stake ----> in the weight ----unstake----> unbonding, until `unbondingPeriod` later ----withdraw----> the operator's
///                    \________ submitEvidence ________/ ----> a part lost: some to the reporter, the rest to nobody
///
/// Amounts are wei in calls and events, and whole units of 10^15 wei in storage and in weights, so that a weight has 64 bits.
/// An epoch e has the blocks e L + 1 to (e + 1) L.
///
/// The validatorsMax with the most stake are in `_active`, a heap whose first is the least of them; all others that could
/// validate in `_waiting`, a heap whose first is the greatest. So whoever comes, goes, gains or loses moves as many entries
/// as the logarithm of their number: a million tiny stakes cost those who make them, and the chain nothing.
contract Staking {
  uint256 public constant UNIT = 1e15;
  /// Of one operator, in units: 128 of them are 2^60, the most that the validators of a chain may have.
  uint64 public constant STAKE_MAX = 1 << 53;
  uint256 public constant UNBONDINGS_MAX = 8;
  uint256 private constant WHOLE = 10_000;

  struct Unbonding {
    uint64 amount;
    /// The last epoch in which it was at stake.
    uint64 epoch;
    uint64 availableAt;
  }

  struct Operator {
    bytes32 key;
    uint64 stake;
    /// 0: not jailed.
    uint64 jailedUntil;
    /// Where it is in its heap, from 1 on; 0: in none.
    uint32 place;
    bool isWaiting;
    Unbonding[] unbondings;
  }

  struct Vote {
    uint64 epoch;
    uint8 kind;
    uint64 view_;
    uint64 parent;
    bytes32 payload;
    uint8 validator;
    bytes32 r;
    bytes32 s;
  }

  // What the genesis writes; kith/ledger/consensus/staking/staking.cpp knows these places.
  bytes32 private _salt;
  uint64 private _minimumStake;
  uint64 private _unbondingPeriod;
  uint64 private _jailPeriod;
  uint64 private _epochLength;
  uint16 private _slashBasisPoints;
  uint16 private _rewardBasisPoints;
  uint16 private _validatorsMax;
  mapping(address => Operator) private _operators;
  mapping(bytes32 => address) private _operatorOf;
  // An entry is a stake, then its operator's address in the lower 160 bits.
  uint256[] private _active;
  uint256[] private _waiting;
  /// Of key, epoch and view.
  mapping(bytes32 => bool) private _punished;

  event Registered(address indexed operator, bytes32 indexed key);
  event Staked(address indexed operator, uint256 amount, uint256 stake);
  event Unstaked(address indexed operator, uint256 amount, uint256 stake, uint256 availableAt);
  event Withdrawn(address indexed operator, uint256 amount);
  event Slashed(address indexed operator, uint64 indexed epoch, uint64 view_, uint256 amount, address reporter, uint256 reward);
  event Jailed(address indexed operator, uint256 until);
  event Unjailed(address indexed operator);

  error NotWholeUnits();
  error BelowMinimum(uint256 minimum);
  error StakeTooLarge(uint256 maximum);
  error AlreadyRegistered();
  error NotRegistered();
  error KeyTaken();
  error BadProof();
  error InsufficientStake(uint256 stake);
  error TooManyUnbondings();
  error NothingToWithdraw();
  error NotJailed();
  error StillJailed(uint256 until);
  error UnknownKey();
  error MalformedEvidence();
  error NoConflict();
  error FutureEpoch(uint256 current);
  error EvidenceTooOld();
  error AlreadyPunished();
  error BadSignature();
  error NothingToSlash();
  error PaymentFailed(address to);

  // Stakes.

  /// Registers the sender's key and stakes the value on it. `proof` is the key's signature of proofMessage(sender), so that
  /// nobody registers a key that is another's.
  function stake(bytes32 key, bytes calldata proof) external payable {
    Operator storage operator = _operators[msg.sender];
    if (operator.key != 0) revert AlreadyRegistered();
    if (_operatorOf[key] != address(0)) revert KeyTaken();
    if (proof.length != 64) revert BadProof();
    if (!Ed25519.verify(key, bytes32(proof[:32]), bytes32(proof[32:]), proofMessage(msg.sender))) revert BadProof();
    operator.key = key;
    _operatorOf[key] = msg.sender;
    emit Registered(msg.sender, key);
    _add(operator);
  }

  /// Stakes more.
  function stake() external payable {
    _add(_registered());
  }

  /// Begins to take stake back: it is out of the next epoch's weight, can be lost until the unbonding period is over, and is
  /// withdrawn then. What is left must be nothing or the minimum.
  function unstake(uint256 amount) external {
    Operator storage operator = _registered();
    uint256 units = _units(amount);
    if (units > operator.stake) revert InsufficientStake(operator.stake * UNIT);
    uint256 left = operator.stake - units;
    if (left != 0 && left < _minimumStake) revert BelowMinimum(_minimumStake * UNIT);
    if (operator.unbondings.length == UNBONDINGS_MAX) revert TooManyUnbondings();
    uint256 availableAt = block.timestamp + _unbondingPeriod;
    operator.stake = uint64(left);
    operator.unbondings.push(Unbonding(uint64(units), uint64(epoch()), uint64(availableAt)));
    _settle(msg.sender, operator);
    emit Unstaked(msg.sender, amount, left * UNIT, availableAt);
  }

  /// Pays out what has been unbonding long enough.
  function withdraw() external {
    Unbonding[] storage all = _registered().unbondings;
    uint256 units;
    uint256 i;
    while (i < all.length) {
      if (all[i].availableAt > block.timestamp) {
        ++i;
        continue;
      }
      units += all[i].amount;
      all[i] = all[all.length - 1];
      all.pop();
    }
    if (units == 0) revert NothingToWithdraw();
    emit Withdrawn(msg.sender, units * UNIT);
    _pay(msg.sender, units * UNIT);
  }

  /// Back among the validators, when the time in jail is over and the stake still suffices.
  function unjail() external {
    Operator storage operator = _registered();
    if (operator.jailedUntil == 0) revert NotJailed();
    if (block.timestamp < operator.jailedUntil) revert StillJailed(operator.jailedUntil);
    if (operator.stake < _minimumStake) revert BelowMinimum(_minimumStake * UNIT);
    operator.jailedUntil = 0;
    _settle(msg.sender, operator);
    emit Unjailed(msg.sender);
  }

  // Evidence.

  /// Takes two votes that contradict each other, as kith/ledger/consensus/bft/evidence.hpp writes them, both signed by `key`.
  /// Its operator loses a part of what is at stake and of what was at stake in that epoch and is still unbonding, and
  /// validates no more until unjail(). Each view of an epoch counts once.
  function submitEvidence(bytes32 key, bytes calldata evidence) external {
    address who = _operatorOf[key];
    if (who == address(0)) revert UnknownKey();
    (Vote memory first, Vote memory second) = _votes(evidence);
    _checkConflict(first, second);
    _checkAge(first.epoch);
    bytes32 offence = keccak256(abi.encode(key, first.epoch, first.view_));
    if (_punished[offence]) revert AlreadyPunished();
    bytes32 domain = voteDomain();
    if (!_isSigned(key, domain, first) || !_isSigned(key, domain, second)) revert BadSignature();
    _punished[offence] = true;
    _slash(who, first.epoch, first.view_);
  }

  // Questions.

  /// Who validates from the next epoch on, and with what weight, in no order that means anything.
  function validators() external view returns (bytes32[] memory keys, uint64[] memory weights) {
    uint256 count = _active.length;
    keys = new bytes32[](count);
    weights = new uint64[](count);
    for (uint256 i = 0; i < count; ++i) {
      uint256 entry = _active[i];
      keys[i] = _keyOf(entry);
      weights[i] = uint64(entry >> 160);
    }
  }

  /// All zeros of an account that never registered. `isActive`: validators() names it.
  function validatorOf(address account)
    external
    view
    returns (bytes32 key, uint256 staked, uint256 unbonding, uint256 withdrawable, uint256 jailedUntil, bool isActive)
  {
    Operator storage operator = _operators[account];
    for (uint256 i = 0; i < operator.unbondings.length; ++i) {
      uint256 amount = operator.unbondings[i].amount * UNIT;
      if (operator.unbondings[i].availableAt > block.timestamp) unbonding += amount;
      else withdrawable += amount;
    }
    key = operator.key;
    staked = operator.stake * UNIT;
    jailedUntil = operator.jailedUntil;
    isActive = operator.place != 0 && !operator.isWaiting;
  }

  function unbondingsOf(address account) external view returns (Unbonding[] memory) {
    return _operators[account].unbondings;
  }

  /// Nobody: 0.
  function operatorOf(bytes32 key) external view returns (address) {
    return _operatorOf[key];
  }

  /// The minimum in wei, periods in seconds, an epoch's blocks, and shares in parts of 10,000.
  function parameters()
    external
    view
    returns (
      uint256 minimumStake,
      uint256 unbondingPeriod,
      uint256 jailPeriod,
      uint256 epochLength,
      uint256 slashBasisPoints,
      uint256 rewardBasisPoints,
      uint256 validatorsMax
    )
  {
    return (
      _minimumStake * UNIT,
      _unbondingPeriod,
      _jailPeriod,
      _epochLength,
      _slashBasisPoints,
      _rewardBasisPoints,
      _validatorsMax
    );
  }

  /// The epoch of this block.
  function epoch() public view returns (uint256) {
    return block.number == 0 ? 0 : (block.number - 1) / _epochLength;
  }

  /// What stands in every vote in front of what it says, so that it counts on this chain alone. A genesis can't contain its
  /// own hash; it contains a salt, made of all the rest of its state.
  function voteDomain() public view returns (bytes32) {
    return keccak256(abi.encodePacked("kith bft chain 01", block.chainid, address(this), _salt));
  }

  /// What a key signs to become that operator's.
  function proofMessage(address operator) public view returns (bytes memory) {
    return abi.encodePacked("kith bft key 01", voteDomain(), operator);
  }

  /// Whether (r, s) is the Ed25519 signature of the message by the key.
  function verify(bytes32 key, bytes32 r, bytes32 s, bytes calldata message) external pure returns (bool) {
    return Ed25519.verify(key, r, s, message);
  }

  // What follows is nobody's to call.

  function _registered() private view returns (Operator storage operator) {
    operator = _operators[msg.sender];
    if (operator.key == 0) revert NotRegistered();
  }

  function _units(uint256 amount) private pure returns (uint256) {
    if (amount == 0 || amount % UNIT != 0) revert NotWholeUnits();
    return amount / UNIT;
  }

  function _add(Operator storage operator) private {
    uint256 total = operator.stake + _units(msg.value);
    if (total > STAKE_MAX) revert StakeTooLarge(STAKE_MAX * UNIT);
    if (total < _minimumStake) revert BelowMinimum(_minimumStake * UNIT);
    operator.stake = uint64(total);
    _settle(msg.sender, operator);
    emit Staked(msg.sender, msg.value, total * UNIT);
  }

  /// All that has to be done is done before: whoever is paid may call again.
  function _pay(address to, uint256 amount) private {
    bool done;
    // Without what it returns, which could be long.
    assembly ("memory-safe") {
      done := call(gas(), to, amount, 0, 0, 0, 0)
    }
    if (!done) revert PaymentFailed(to);
  }

  // Slashing.

  function _slash(address who, uint64 ofEpoch, uint64 ofView) private {
    Operator storage operator = _operators[who];
    uint256 lost = _share(operator.stake);
    operator.stake -= uint64(lost);
    for (uint256 i = 0; i < operator.unbondings.length; ++i) {
      Unbonding storage one = operator.unbondings[i];
      // It was out of the weight before that epoch, or its time is over.
      if (one.epoch < ofEpoch || one.availableAt <= block.timestamp) continue;
      uint256 part = _share(one.amount);
      one.amount -= uint64(part);
      lost += part;
    }
    if (lost == 0) revert NothingToSlash();
    operator.jailedUntil = uint64(block.timestamp + _jailPeriod);
    _settle(who, operator);
    uint256 reward = (lost * UNIT * _rewardBasisPoints) / WHOLE;
    emit Slashed(who, ofEpoch, ofView, lost * UNIT, msg.sender, reward);
    emit Jailed(who, operator.jailedUntil);
    _pay(address(0), lost * UNIT - reward);
    _pay(msg.sender, reward);
  }

  /// Rounded up, so that nothing is too small to be lost.
  function _share(uint256 units) private view returns (uint256) {
    return (units * _slashBasisPoints + WHOLE - 1) / WHOLE;
  }

  /// Evidence counts as many blocks after its epoch as the unbonding period has seconds. A block is at least a second later
  /// than its parent: so nothing is withdrawn that evidence could still have reached.
  function _checkAge(uint64 ofEpoch) private view {
    uint256 current = epoch();
    if (ofEpoch > current) revert FutureEpoch(current);
    if ((uint256(ofEpoch) + 1) * _epochLength + _unbondingPeriod < block.number) revert EvidenceTooOld();
  }

  function _checkConflict(Vote memory a, Vote memory b) private pure {
    if (a.validator != b.validator || a.epoch != b.epoch || a.view_ != b.view_) revert NoConflict();
    if (a.kind == b.kind) {
      if (a.parent == b.parent && a.payload == b.payload) revert NoConflict();
      // Evidence has one form: the votes ascend.
      if (a.parent > b.parent || (a.parent == b.parent && a.payload > b.payload)) revert MalformedEvidence();
    } else if (a.kind == 3 && b.kind == 2) {
      revert MalformedEvidence();
    } else if (a.kind != 2 || b.kind != 3) {
      revert NoConflict();
    }
  }

  function _isSigned(bytes32 key, bytes32 domain, Vote memory vote) private pure returns (bool) {
    bytes memory message =
      abi.encodePacked("kith bft vote 01", domain, vote.epoch, vote.kind, vote.view_, vote.parent, vote.payload);
    return Ed25519.verify(key, vote.r, vote.s, message);
  }

  // RLP, of which nothing is taken but the one encoding of two votes.

  function _votes(bytes calldata from) private pure returns (Vote memory first, Vote memory second) {
    (uint256 pos, uint256 end) = _list(from, 0);
    if (end != from.length) revert MalformedEvidence();
    (first, pos) = _vote(from, pos);
    (second, pos) = _vote(from, pos);
    if (pos != end) revert MalformedEvidence();
  }

  function _vote(bytes calldata from, uint256 pos) private pure returns (Vote memory vote, uint256 end) {
    (pos, end) = _list(from, pos);
    (vote.epoch, pos) = _number(from, pos);
    uint64 number;
    (number, pos) = _number(from, pos);
    if (number < 1 || number > 3) revert MalformedEvidence();
    vote.kind = uint8(number);
    (vote.view_, pos) = _number(from, pos);
    (vote.parent, pos) = _number(from, pos);
    pos = _expect(from, pos, 0xa0, 32);
    vote.payload = bytes32(from[pos - 32:pos]);
    (number, pos) = _number(from, pos);
    if (number >= 128) revert MalformedEvidence();
    vote.validator = uint8(number);
    if (_byte(from, pos) != 0xb8) revert MalformedEvidence();
    pos = _expect(from, pos + 1, 64, 64);
    vote.r = bytes32(from[pos - 64:pos - 32]);
    vote.s = bytes32(from[pos - 32:pos]);
    if (pos != end || vote.view_ == 0 || vote.view_ >= 1 << 62 || vote.parent >= vote.view_) revert MalformedEvidence();
    if (vote.kind == 2 && (vote.parent != 0 || vote.payload != 0)) revert MalformedEvidence();
  }

  function _byte(bytes calldata from, uint256 pos) private pure returns (uint256) {
    if (pos >= from.length) revert MalformedEvidence();
    return uint8(from[pos]);
  }

  /// Behind that byte and as many others as are said.
  function _expect(bytes calldata from, uint256 pos, uint256 prefix, uint256 size) private pure returns (uint256 end) {
    end = pos + 1 + size;
    if (_byte(from, pos) != prefix || end > from.length) revert MalformedEvidence();
  }

  /// Votes take more than 55 bytes, so that their lists' lengths have one byte or two of their own.
  function _list(bytes calldata from, uint256 pos) private pure returns (uint256 begin, uint256 end) {
    uint256 prefix = _byte(from, pos);
    uint256 size = _byte(from, pos + 1);
    begin = pos + 2;
    if (prefix == 0xf9 && size != 0) {
      size = (size << 8) | _byte(from, pos + 2);
      ++begin;
    } else if (prefix != 0xf8 || size < 56) {
      revert MalformedEvidence();
    }
    end = begin + size;
    if (end > from.length) revert MalformedEvidence();
  }

  function _number(bytes calldata from, uint256 pos) private pure returns (uint64 number, uint256 end) {
    uint256 prefix = _byte(from, pos);
    end = pos + 1;
    if (prefix < 0x80) {
      if (prefix == 0) revert MalformedEvidence();
      return (uint64(prefix), end);
    }
    if (prefix > 0x88) revert MalformedEvidence();
    for (end += prefix - 0x80; ++pos < end; ) {
      number = (number << 8) | uint64(_byte(from, pos));
      if (number == 0) revert MalformedEvidence();
    }
    if (prefix == 0x81 && number < 0x80) revert MalformedEvidence();
  }

  // The two heaps.

  function _keyOf(uint256 entry) private view returns (bytes32) {
    return _operators[address(uint160(entry))].key;
  }

  /// More stake, or as much and the lesser key.
  function _outranks(uint256 a, uint256 b) private view returns (bool) {
    if (a >> 160 != b >> 160) return a >> 160 > b >> 160;
    return _keyOf(a) < _keyOf(b);
  }

  function _heap(bool isWaiting) private view returns (uint256[] storage heap) {
    heap = isWaiting ? _waiting : _active;
  }

  /// Whether `a` is to be nearer to the first than `b`.
  function _isBefore(bool isWaiting, uint256 a, uint256 b) private view returns (bool) {
    return isWaiting ? _outranks(a, b) : _outranks(b, a);
  }

  /// Puts the operator where its stake and its freedom say: to be called after each change of either.
  function _settle(address who, Operator storage operator) private {
    bool belongs = operator.jailedUntil == 0 && operator.stake != 0 && operator.stake >= _minimumStake;
    uint256 entry = (uint256(operator.stake) << 160) | uint160(who);
    if (operator.place == 0) {
      if (belongs) _insert(_active.length == _validatorsMax, entry);
    } else if (belongs) {
      _sift(operator.isWaiting, operator.place - 1, entry);
    } else {
      _remove(operator.isWaiting, operator.place - 1);
      operator.place = 0;
    }
    if (_waiting.length == 0) return;
    uint256 best = _waiting[0];
    if (_active.length < _validatorsMax) {
      _remove(true, 0);
      _insert(false, best);
    } else if (_outranks(best, _active[0])) {
      uint256 least = _active[0];
      _sift(false, 0, best);
      _sift(true, 0, least);
    }
  }

  function _insert(bool isWaiting, uint256 entry) private {
    uint256[] storage heap = _heap(isWaiting);
    heap.push(entry);
    _sift(isWaiting, heap.length - 1, entry);
  }

  function _remove(bool isWaiting, uint256 pos) private {
    uint256[] storage heap = _heap(isWaiting);
    uint256 last = heap[heap.length - 1];
    heap.pop();
    if (pos < heap.length) _sift(isWaiting, pos, last);
  }

  /// Puts the entry in that place, or as far towards the first or away from it as it must go.
  function _sift(bool isWaiting, uint256 pos, uint256 entry) private {
    uint256[] storage heap = _heap(isWaiting);
    uint256 count = heap.length;
    while (pos != 0) {
      uint256 parent = heap[(pos - 1) / 2];
      if (!_isBefore(isWaiting, entry, parent)) break;
      _put(isWaiting, pos, parent);
      pos = (pos - 1) / 2;
    }
    for (uint256 child = 2 * pos + 1; child < count; child = 2 * pos + 1) {
      uint256 next = heap[child];
      if (child + 1 < count && _isBefore(isWaiting, heap[child + 1], next)) next = heap[++child];
      if (!_isBefore(isWaiting, next, entry)) break;
      _put(isWaiting, pos, next);
      pos = child;
    }
    _put(isWaiting, pos, entry);
  }

  function _put(bool isWaiting, uint256 pos, uint256 entry) private {
    _heap(isWaiting)[pos] = entry;
    Operator storage operator = _operators[address(uint160(entry))];
    operator.place = uint32(pos + 1);
    operator.isWaiting = isWaiting;
  }
}
