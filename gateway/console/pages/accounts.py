"""Who may come in: the accounts, and a form for another one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from gateway.console import people
from gateway.console.call import Call
from gateway.console.pages.page import Redirect
from gateway.console.role import Role
from gateway.core.errors import UserError


async def show(call: Call) -> Mapping[str, Any]:
    """All accounts."""
    found = await people.list_accounts(call)
    return {"accounts": found.accounts, "roles": list(Role), "told": "", "name": ""}


async def act(call: Call) -> Mapping[str, Any] | Redirect:
    """Adds, changes or removes one."""
    form: dict[str, str] = call.body
    name = form.get("name", "")
    named = replace(call, path={"name": name})
    try:
        match form.get("do"):
            case "add":
                made = people.NewAccount.model_validate(
                    {"name": name, "role": form.get("role"), "password": form.get("password", "")}
                )
                await people.add_account(replace(call, body=made))
            case "role":
                change = people.AccountChange.model_validate({"role": form.get("role")})
                await people.change_account(replace(named, body=change))
            case "remove":
                await people.remove_account(named)
            case _:
                return {**await show(call), "told": "this form can't be read", "status": 400}
    except ValidationError as error:
        told = "; ".join(f"{one['loc'][0]}: {one['msg']}" for one in error.errors(include_input=False))
        return {**await show(call), "told": told, "name": name, "status": 422}
    except UserError as error:
        return {**await show(call), "told": error.message, "name": name, "status": 422}
    return Redirect("/accounts")
