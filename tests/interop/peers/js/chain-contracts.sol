// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

contract Token is ERC20Permit {
  constructor(uint256 supply) ERC20("Token", "TKN") ERC20Permit("Token") {
    _mint(msg.sender, supply);
  }
}

/// The code that an account takes over by EIP-7702: several payments at once.
contract Payments {
  event Paid(address indexed to, uint256 value);
  error NotPaid(address to);

  function pay(address payable[] calldata to, uint256[] calldata values) external payable {
    for (uint256 i = 0; i < to.length; ++i) {
      (bool done, ) = to[i].call{value: values[i]}("");
      if (!done) revert NotPaid(to[i]);
      emit Paid(to[i], values[i]);
    }
  }
}
